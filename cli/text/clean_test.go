package text

import "testing"

func TestPlain(t *testing.T) {
	for given, want := range map[string]string{
		"plain text":                "plain text",
		"größe 数":                   "größe 数",
		"a\nb\tc\rd":                "a b c d",
		"\x1b[31mred\x1b[0m":        "⟨001b⟩[31mred⟨001b⟩[0m",
		"bell\x07 del\x7f c1\u009b": "bell⟨0007⟩ del⟨007f⟩ c1⟨009b⟩",
		"turned \u202eback":         "turned ⟨202e⟩back",
		"bad \xff byte":             "bad \ufffd byte",
	} {
		if got := Plain(given); got != want {
			t.Errorf("Plain(%q) is %q, want %q", given, got, want)
		}
	}
}

func TestLogLine(t *testing.T) {
	for _, one := range []struct {
		given   string
		colours bool
		want    string
	}{
		{"text\ta", true, "text\ta"},
		{"\x1b[31mred\x1b[0m", true, "\x1b[31mred\x1b[0m\x1b[0m"},
		{"\x1b[31mred", false, "red"},
		{"\x1b[2J\x1b[Hgone", true, "gone"},
		{"\x1b]0;title\x07text", true, "text"},
		{"\x1b]0;never ended", true, "0;never ended"},
		{"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", true, "link"},
		{"\x1bPsecret\x1b\\after", true, "after"},
		{"10 %\r20 %\r30 %\r", true, "30 %"},
		{"alone \x1b", true, "alone ⟨001b⟩"},
		{"\x1b[>0;1mno colour", true, "no colour"},
		{"\u009b31mc1", true, "⟨009b⟩31mc1"},
	} {
		if got := LogLine(one.given, one.colours); got != one.want {
			t.Errorf("LogLine(%q, %t) is %q, want %q", one.given, one.colours, got, one.want)
		}
	}
}

func TestLinesStay(t *testing.T) {
	if got, want := Lines("a\n\x1b[1mb\x1b[0m\n\n"), "a\nb"; got != want {
		t.Errorf("Lines gives %q, want %q", got, want)
	}
}
