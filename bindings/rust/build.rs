// SPDX-License-Identifier: ISC
//! Finds the C library: in the folder that SODIUM_ARENA_LIB_DIR names, or as
//! pkg-config says.

use std::{env, path::Path, process::Command};

fn link_folder(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    if Path::new(folder).join("libsodium-arena.so").exists() {
        println!("cargo:rustc-link-lib=sodium-arena");
    } else {
        println!("cargo:rustc-link-lib=static=sodium-arena");
        println!("cargo:rustc-link-lib=sodium");
    }
}

fn link_installed() {
    let tool = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(&tool)
        .args(["--libs", "sodium-arena"])
        .output()
        .unwrap_or_else(|error| panic!("{tool} cannot be run: {error}"));

    if !output.status.success() {
        panic!(
            "sodium-arena is not installed, and SODIUM_ARENA_LIB_DIR is not set:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    for word in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        if let Some(folder) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(library) = word.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={library}");
        }
    }
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for variable in ["SODIUM_ARENA_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    match env::var("SODIUM_ARENA_LIB_DIR") {
        Ok(folder) => link_folder(&folder),
        Err(_) => link_installed(),
    }
}
