package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration in words: "400 ms", "12.3 s", "2 min 5 s", "3 h 4 min", "5 d 2 h".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// Ago tells how long before now a moment was: "now", "5 s ago", "2 d ago"; from a week on its date.
func Ago(at, now time.Time) string {
	past := now.Sub(at)
	switch {
	case past < 5*time.Second:
		return "now"
	case past < time.Minute:
		return fmt.Sprintf("%d s ago", int(past.Seconds()))
	case past < time.Hour:
		return fmt.Sprintf("%d min ago", int(past.Minutes()))
	case past < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(past.Hours()))
	case past < 7*24*time.Hour:
		return fmt.Sprintf("%d d ago", int(past.Hours())/24)
	}
	return at.Local().Format("2006-01-02")
}

// Plural counts: "1 run", "1,204 runs".
func Plural(count int, one string) string {
	if count == 1 {
		return "1 " + one
	}
	return Thousands(count) + " " + one + "s"
}

// Thousands writes a number with commas.
func Thousands(number int) string {
	digits := strconv.Itoa(number)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Bytes in the largest unit that fits: "12 B", "1.5 GiB".
func Bytes(size int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(size), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", size)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// State of KFP in words of a line: "succeeded".
func State(state string) string {
	if state == "" || state == "RUNTIME_STATE_UNSPECIFIED" {
		return "pending"
	}
	return strings.ToLower(state)
}

// FirstLine is what stands before the first end of a line, clean.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return Plain(line)
}

// LastLines keeps the last so many lines of s.
func LastLines(s string, count int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// Indent puts the prefix before each line.
func Indent(s, prefix string) string {
	return prefix + strings.ReplaceAll(s, "\n", "\n"+prefix)
}
