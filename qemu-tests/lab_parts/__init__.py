"""The parts of `lab`: `images` and `machine` make a node, `network` its namespace, `servers` what it boots from,
`cases` reads a case's directory, `boot` runs it, `bench` measures."""
