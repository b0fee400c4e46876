// Package text makes what runs say fit for a terminal, and lays out tables. Pure.
package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What turns the direction of writing, or has no shape.
func isInvisible(r rune) bool {
	switch {
	case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return unicode.IsControl(r)
}

// Plain is s on one line, with everything that a terminal would obey shown as what it is: ⟨001b⟩ for an escape.
func Plain(s string) string { return clean(s, false) }

// Lines is Plain for a text of several lines, which stay.
func Lines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = LogLine(line, false)
	}
	return strings.Join(lines, "\n")
}

func clean(s string, keepTabs bool) string {
	if isHarmless(s) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteRune(utf8.RuneError)
		case r == '\t' && keepTabs:
			out.WriteByte('\t')
		case r == '\n', r == '\t', r == '\r':
			out.WriteByte(' ')
		case isInvisible(r):
			fmt.Fprintf(&out, "⟨%04x⟩", r)
		default:
			out.WriteString(s[i : i+size])
		}
		i += size
	}
	return out.String()
}

// Most lines need no copy.
func isHarmless(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// An order to a terminal: CSI, OSC and the like, and those of one character.
var sequence = regexp.MustCompile(`\x1b\[[0-9:;<=>?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]`)

// Colours and weights, the only order that may do no harm.
var colour = regexp.MustCompile(`^\x1b\[[0-9:;]*m$`)

const reset = "\x1b[0m"

// LogLine is one line of a log, without its end. What a progress bar wrote over is left out. Colours stay if colours is
// set, and end with the line; other orders to a terminal go.
func LogLine(line string, colours bool) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	if !strings.Contains(line, "\x1b") {
		return clean(line, true)
	}
	var out strings.Builder
	from, coloured := 0, false
	for _, at := range sequence.FindAllStringIndex(line, -1) {
		out.WriteString(clean(line[from:at[0]], true))
		if order := line[at[0]:at[1]]; colours && colour.MatchString(order) {
			out.WriteString(order)
			coloured = true
		}
		from = at[1]
	}
	out.WriteString(clean(line[from:], true))
	if coloured {
		out.WriteString(reset)
	}
	return out.String()
}
