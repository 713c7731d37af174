//! The binary: hands the command line to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    imocha_cancel::app::main(std::env::args_os())
}
