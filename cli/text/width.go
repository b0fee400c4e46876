package text

import (
	"strings"
	"unicode"
)

// Width is how many columns of a terminal s takes.
func Width(s string) int {
	width := 0
	for _, r := range s {
		width += runeWidth(r)
	}
	return width
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// Shorten cuts s to so many columns; what was cut ends in "…".
func Shorten(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	width := 0
	for i, r := range s {
		width += runeWidth(r)
		if width > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Pad fills s up to so many columns, at its end or, for numbers, at its beginning.
func Pad(s string, columns int, right bool) string {
	missing := columns - Width(s)
	if missing <= 0 {
		return s
	}
	if right {
		return strings.Repeat(" ", missing) + s
	}
	return s + strings.Repeat(" ", missing)
}
