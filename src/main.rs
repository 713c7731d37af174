//! The binary: hands the command line to the library.

use imocha_cancel::ending::ExitCode;

/// One thread allocates a row and another frees it, and reqwest allocates dozens of times for each call. This allocator
/// is made for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    imocha_cancel::app::main(std::env::args_os())
}
