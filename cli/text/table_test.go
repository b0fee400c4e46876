package text

import (
	"strings"
	"testing"
	"time"
)

func TestTableIsAsWideAsItNeeds(t *testing.T) {
	table := Table{Columns: []Column{{Title: "NAME"}, {Title: "TOOK", Right: true}}}
	table.Add(Cell{Text: "train"}, Cell{Text: "1.0 s"})
	table.Add(Cell{Text: "数据"}, Cell{Text: "12.0 s"})
	want := "NAME     TOOK\ntrain   1.0 s\n数据   12.0 s\n"
	if got := table.String(0); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTableGivesWay(t *testing.T) {
	table := Table{Columns: []Column{{Title: "ID"}, {Title: "NAME", Gives: true}, {Title: "STATE"}}}
	table.Add(Cell{Text: "0123456789"}, Cell{Text: strings.Repeat("long ", 20)}, Cell{Text: "failed"})
	table.Note(Cell{Text: "  why: " + strings.Repeat("x", 100)})
	for _, line := range strings.Split(table.String(40), "\n") {
		if Width(line) > 40 {
			t.Errorf("%d columns: %q", Width(line), line)
		}
	}
	if got := table.String(40); !strings.Contains(got, "…") || !strings.Contains(got, "failed") {
		t.Errorf("got\n%s", got)
	}
}

func TestTablePaintsTextAlone(t *testing.T) {
	table := Table{Columns: []Column{{}, {}}}
	table.Add(Cell{Text: "a", Paint: func(s string) string { return "<" + s + ">" }}, Cell{Text: "b"})
	table.Add(Cell{Text: "long"})
	if got, want := table.String(0), "<a>     b\nlong\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWords(t *testing.T) {
	for given, want := range map[time.Duration]string{
		400 * time.Millisecond: "400 ms", 12340 * time.Millisecond: "12.3 s", 125 * time.Second: "2 min 5 s", 3*time.Hour + 4*time.Minute: "3 h 4 min",
		50 * time.Hour: "2 d 2 h",
	} {
		if got := Duration(given); got != want {
			t.Errorf("Duration(%s) is %q, want %q", given, got, want)
		}
	}
	if got := Plural(1234567, "run"); got != "1,234,567 runs" {
		t.Error(got)
	}
	if got := Bytes(1536); got != "1.5 KiB" {
		t.Error(got)
	}
	if got := LastLines("a\nb\nc\n", 2); got != "b\nc" {
		t.Error(got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"learning_rate", "epochs", "lr"}
	for written, want := range map[string]string{
		"learning_rte": "learning_rate", "epoch": "epochs", "rl": "lr", "batch_size": "", "LR": "lr",
	} {
		if got := Nearest(written, names); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", written, got, want)
		}
	}
}
