// penstock-launch knows object stores: it runs attempts of tasks whose content lies there, and reads and writes there
// for the server.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/penstock/penstock/launcher/attempt"
	"github.com/penstock/penstock/launcher/probe"
	"github.com/penstock/penstock/launcher/service"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// Set by the linker.
var version = "dev"

const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

const usage = `penstock-launch attempt REQUEST.json         runs an attempt of a task; the executor writes the request
penstock-launch pod CHUNK...                 the same, as the first process of a container; the request is the chunks together
penstock-launch copy FILE                    copies this program to the file
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
	case command == "pod" && len(rest) > 0:
		return attempt.RunPod(version, rest)
	case command == "copy" && len(rest) == 1:
		return told(copyProgram(rest[0]))
	case command == "version":
		fmt.Println("penstock-launch", version)
		return exitOK
	case command == "serve" || command == "check":
		return withFlags(command, rest)
	}
	fmt.Fprint(os.Stderr, usage)
	return exitUsage
}

func withFlags(command string, arguments []string) int {
	var socket, storesFile string
	var plain []string
	for _, argument := range arguments {
		if value, is := strings.CutPrefix(argument, "--socket="); is && command == "serve" {
			socket = value
		} else if value, is := strings.CutPrefix(argument, "--stores="); is {
			storesFile = value
		} else {
			plain = append(plain, argument)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case command == "serve" && socket != "" && len(plain) == 0:
		err = service.Serve(ctx, socket, storesFile, os.Stdin)
	case command == "check" && len(plain) == 1:
		err = check(ctx, plain[0], storesFile)
	default:
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	return told(err)
}

func told(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "penstock-launch:", err)
		return exitError
	}
	return exitOK
}

// check prints each call with its milliseconds, and who asked.
func check(ctx context.Context, text, storesFile string) error {
	s, err := settings.Read(storesFile)
	if err != nil {
		return err
	}
	l, err := uri.ParseRoot(text)
	if err != nil {
		return err
	}
	identity, err := probe.Run(ctx, stores.NewOpener(s, stores.Options{}), l, func(call probe.Call) {
		if call.Err == nil {
			fmt.Printf("%-24s %8.1f ms\n", call.Name, float64(call.Took.Microseconds())/1000)
		}
	})
	if identity != "" {
		fmt.Println("asked as", identity)
	}
	return err
}
