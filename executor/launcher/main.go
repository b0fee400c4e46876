// penstock-launch knows object stores: it runs attempts of tasks whose content lies there, and reads and writes there
// for the server.
package main

import (
	"fmt"
	"os"

	"github.com/penstock/penstock/launcher/attempt"
)

// Set by the linker.
var version = "dev"

const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

const usage = `penstock-launch attempt REQUEST.json         runs an attempt of a task; the executor writes the request
penstock-launch serve --socket=PATH [--stores=FILE]   reads and writes for the server, until standard input ends
penstock-launch check URI [--stores=FILE]    tries every kind of call below a URI of an object store
penstock-launch version
`

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(arguments []string) int {
	if len(arguments) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	switch command, rest := arguments[0], arguments[1:]; {
	case command == "attempt" && len(rest) == 1:
		return attempt.Run(rest[0])
	case command == "version":
		fmt.Println("penstock-launch", version)
		return exitOK
	}
	fmt.Fprint(os.Stderr, usage)
	return exitUsage
}
