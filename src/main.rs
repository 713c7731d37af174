//! The binary: hands the command line to the library.

use imocha_cancel::ending::ExitCode;

/// A row is allocated by one thread and freed by another, and reqwest allocates dozens of times for a call: this allocator
/// is made for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    imocha_cancel::app::main(std::env::args_os())
}
