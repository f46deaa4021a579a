// SPDX-License-Identifier: ISC
//! What concerns the whole process, each in a child of its own where it would
//! concern the other tests; preflight; and bytes that are taken in.

#![feature(allocator_api)]

use sodium_arena::{
    default_arena, install_fault_reporter, print_all_stats, set_misuse_handler, version, Access,
    Misuse, MisuseKind, Mlock, Options, SodiumArena,
};
use std::env;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

const CHILD: &str = "SODIUM_ARENA_TEST_CHILD";
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

fn best_effort() -> Options {
    Options::new().mlock(Mlock::BestEffort)
}

fn arena() -> SodiumArena {
    best_effort().create().unwrap()
}

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Run the test of that name again in a process of its own, and tell how it
/// ended and what it wrote to standard error.
fn run(test: &str) -> (ExitStatus, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();

    (
        output.status,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

// ------------------------------------------------------------------ bytes

#[test]
fn take_and_dup() {
    let arena = arena();
    let mut source = *b"secret";
    let copied = arena.dup(&source).unwrap();
    let taken = arena.take(&mut source).unwrap();

    assert_eq!((&*copied, &*taken), (&b"secret"[..], &b"secret"[..]));
    assert_eq!(source, [0; 6]);
    assert!(arena.owns(taken.as_ptr()));
    assert_eq!(arena.object_size(taken.as_ptr()), 6);
    assert_eq!(arena.take(&mut []).unwrap().len(), 0);
    assert_eq!(arena.stats().live_count, 2);
    drop((copied, taken));
    assert_eq!(arena.stats().live_count, 0);
}

#[test]
fn nothing_is_taken_on_failure() {
    let arena = best_effort().capacity(64 << 10).create().unwrap();
    let mut source = vec![b'x'; 100_000];
    let error = arena.take(&mut source).unwrap_err();

    assert_eq!(error.raw_os_error(), Some(28));
    assert!(source.iter().all(|&byte| byte == b'x'));
}

#[test]
fn contains() {
    let arena = arena();

    for size in [10, 100_000] {
        let bytes = arena.dup(&vec![1; size]).unwrap();
        let range = bytes.as_ptr_range();

        assert!(arena.contains(range.start) && !arena.contains(range.end));
        assert!(arena.contains(&bytes[size - 1]) && !arena.owns(&bytes[size - 1]));
    }
    assert!(!arena.contains(&0));
}

// -------------------------------------------------------------- preflight

#[test]
fn preflight() {
    let (result, report) = best_effort().preflight(1000, 32);

    result.unwrap();
    assert!(report.required_size >= 32_000);
    assert!(report.max_count >= 1000);
    let (result, report) = best_effort().capacity(64 << 10).preflight(1_000_000, 32);
    assert_eq!(result.unwrap_err().raw_os_error(), Some(28));
    assert!(report.max_count < 1_000_000);
    let (result, report) = Options::new().reserve(2).capacity(1).preflight(1, 1);
    assert_eq!(result.unwrap_err().raw_os_error(), Some(22));
    assert_eq!(report.required_size, 0);
}

// ---------------------------------------------------------------- process

#[test]
fn versions() {
    assert_eq!(version(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn statistics() {
    if !is_child() {
        assert!(run("statistics").0.success());
        return;
    }
    let path = env::temp_dir().join(format!("sodium-arena-{}", std::process::id()));
    let file = File::create(&path).unwrap();
    let one = best_effort().name("one").create().unwrap();
    let _two = best_effort().name("two").create().unwrap();

    one.print_stats(&file).unwrap();
    print_all_stats(&file).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let names: Vec<_> = text.lines().map(|line| &line[..12]).collect();
    assert_eq!(
        names,
        [r#"{"name":"one"#, r#"{"name":"one"#, r#"{"name":"two"#]
    );
    let full = File::create("/dev/full").unwrap();
    assert_eq!(one.print_stats(&full).unwrap_err().raw_os_error(), Some(28));
}

#[test]
fn the_default_arena() {
    if !is_child() {
        assert!(run("the_default_arena").0.success());
        return;
    }
    best_effort().name("mine").create_default().unwrap();
    let arena = default_arena().unwrap();

    assert_eq!(arena.as_raw(), default_arena().unwrap().as_raw());
    let boxed: Box<u32, &'static SodiumArena> = Box::new_in(1, arena);
    assert_eq!(arena.stats().live_count, 1);
    drop(boxed);
    let error = best_effort().create_default().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(16));
}

// ----------------------------------------------------------------- misuse

fn tell(misuse: &Misuse<'_>) {
    eprintln!(
        "told: {} in {} of {} at {}",
        misuse.kind,
        misuse.arena.to_str().unwrap(),
        misuse.size,
        misuse.offset
    );
    panic!("which ends nothing but this call");
}

fn overflow() {
    let arena = best_effort().name("rust").create().unwrap();
    let mut bytes = arena.dup(&[1; 20]).unwrap();

    // SAFETY: none; this is the misuse.
    unsafe { *bytes.as_mut_ptr().add(20) ^= 1 };
}

#[test]
fn misuse_is_told() {
    if is_child() {
        set_misuse_handler(Some(tell));
        overflow();
        return;
    }
    let (status, text) = run("misuse_is_told");

    assert_eq!(status.signal(), Some(SIGABRT), "{text}");
    assert!(
        text.contains("told: overflow in rust of 20 at 20"),
        "{text}"
    );
    assert!(!text.contains("sodium-arena: "), "{text}");
}

#[test]
fn misuse_by_default() {
    if is_child() {
        set_misuse_handler(Some(tell));
        set_misuse_handler(None);
        overflow();
        return;
    }
    let (status, text) = run("misuse_by_default");

    assert_eq!(status.signal(), Some(SIGABRT), "{text}");
    assert!(
        text.contains("sodium-arena: overflow: arena \"rust\""),
        "{text}"
    );
}

#[test]
fn names_of_misuse() {
    let names = [
        (MisuseKind::Overflow, "overflow"),
        (MisuseKind::Underflow, "underflow"),
        (MisuseKind::DoubleFree, "double free"),
        (MisuseKind::InvalidPointer, "invalid pointer"),
        (MisuseKind::WriteAfterFree, "write after free"),
        (MisuseKind::Unknown, "unknown"),
    ];

    for (kind, name) in names {
        assert_eq!(kind.name(), name);
    }
}

#[test]
fn faults_are_told() {
    if is_child() {
        let arena = best_effort().name("rust").create().unwrap();
        let byte = Box::new_in(1u8, &arena);

        install_fault_reporter().unwrap();
        // SAFETY: none; the read is the fault.
        unsafe {
            arena.protect(Access::NoAccess).unwrap();
            std::ptr::read_volatile(&*byte);
        }
        return;
    }
    let (status, text) = run("faults_are_told");

    assert_eq!(status.signal(), Some(SIGSEGV), "{text}");
    assert!(
        text.contains("sodium-arena: fault: arena \"rust\""),
        "{text}"
    );
}
