"""What `lab` is made of: `images` and `machine` make a node, `network` its namespace, `servers` what it boots from,
`cases` reads a case's directory, `boot` runs it, `bench` measures."""
