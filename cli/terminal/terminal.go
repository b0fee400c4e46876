// Package terminal is where the commands print: it knows whether somebody looks, with colours or without.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Out is standard output or standard error. Safe for concurrent use.
type Out struct {
	IsTerminal bool // somebody looks
	Colours    bool

	mutex sync.Mutex
	to    io.Writer
	file  *os.File // of the terminal
}

// New tells whether the file is a terminal, and whether it is to have colours.
func New(file *os.File, getenv func(string) string) *Out {
	isTerminal := term.IsTerminal(int(file.Fd())) && getenv("TERM") != "dumb"
	return &Out{IsTerminal: isTerminal, Colours: isTerminal && getenv("NO_COLOR") == "", to: file, file: file}
}

// Plain writes without colours and progress, as to a file.
func Plain(to io.Writer) *Out { return &Out{to: to} }

// Columns of the terminal; 0 if it is none.
func (o *Out) Columns() int {
	columns, _ := o.size()
	return columns
}

// Rows of the terminal; 0 if it is none.
func (o *Out) Rows() int {
	_, rows := o.size()
	return rows
}

func (o *Out) size() (columns, rows int) {
	if !o.IsTerminal {
		return 0, 0
	}
	columns, rows, err := term.GetSize(int(o.file.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}

// Print writes texts that are clean already.
func (o *Out) Print(texts ...string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	_, _ = io.WriteString(o.to, strings.Join(texts, ""))
}

// Printf is fmt.Printf with texts that are clean already.
func (o *Out) Printf(format string, values ...any) { o.Print(fmt.Sprintf(format, values...)) }

// Write is for what is no text.
func (o *Out) Write(bytes []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.to.Write(bytes)
}

func (o *Out) paint(code, text string) string {
	if !o.Colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Good, Bad, Busy and Soft colour a text by what it means; Bold makes it heavy.
func (o *Out) Good(text string) string { return o.paint("32", text) }

// Bad is for what failed.
func (o *Out) Bad(text string) string { return o.paint("31", text) }

// Busy is for what goes on.
func (o *Out) Busy(text string) string { return o.paint("36", text) }

// Soft is for what matters less.
func (o *Out) Soft(text string) string { return o.paint("2", text) }

// Bold is for titles.
func (o *Out) Bold(text string) string { return o.paint("1", text) }

var tellingApart = []string{"36", "33", "35", "34", "32", "96", "93", "95", "94", "92"}

// Nth colours a text so that neighbours can be told apart.
func (o *Out) Nth(number int, text string) string {
	return o.paint(tellingApart[number%len(tellingApart)], text)
}

// State colours a text by the state of a run or task.
func (o *Out) State(state string) func(string) string {
	switch state {
	case "SUCCEEDED", "CACHED":
		return o.Good
	case "FAILED":
		return o.Bad
	case "RUNNING", "CANCELING":
		return o.Busy
	}
	return o.Soft
}

// Mark is one character for a state.
func Mark(state string) string {
	switch state {
	case "SUCCEEDED":
		return "✓"
	case "CACHED":
		return "≡"
	case "FAILED":
		return "✗"
	case "RUNNING", "CANCELING":
		return "●"
	case "SKIPPED", "CANCELED":
		return "-"
	}
	return "·"
}
