// penstock-cli is what a user of Penstock types: `penstock run`, `penstock logs` and so on. The program penstock becomes
// it for these words. It asks the server over HTTP.
package main

import (
	"os"

	"github.com/penstock/penstock/cli/commands"
	"github.com/penstock/penstock/cli/terminal"
)

// Set by the linker.
var version = "dev"

func main() {
	app := commands.App{
		Out:     terminal.New(os.Stdout, os.Getenv),
		Err:     terminal.New(os.Stderr, os.Getenv),
		In:      os.Stdin,
		Getenv:  os.Getenv,
		Version: version,
	}
	os.Exit(app.Run(os.Args[1:]))
}
