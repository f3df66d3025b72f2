//! The README's server is the one of the crate page, which is compiled as a doctest.

#[test]
fn the_readme_shows_the_program_that_compiles() {
    let program = include_str!("../../docs/program.md");
    assert!(include_str!("../../../README.md").contains(program), "README.md and docs/program.md differ");
    let lines = program.lines().filter(|line| !line.starts_with("```")).count();
    assert!(lines <= 25, "a whole server is promised in 25 lines, and this one has {lines}");
}
