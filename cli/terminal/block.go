package terminal

import "strings"

// Block is a part of the terminal that is drawn anew each time. Nothing else may be printed between.
type Block struct {
	out   *Out
	drawn int // lines of it that are on the terminal
}

// NewBlock begins where the cursor is, at the start of a line.
func NewBlock(out *Out) *Block { return &Block{out: out} }

// Draw replaces what was drawn by these lines, none of which may be wider than the terminal.
func (b *Block) Draw(lines []string) {
	var text strings.Builder
	text.WriteString(b.back())
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	b.drawn = len(lines)
	b.out.Print(text.String())
}

// Clear takes it away, so that others can print.
func (b *Block) Clear() {
	b.out.Print(b.back())
	b.drawn = 0
}

// To the first line of the block, with everything from there removed.
func (b *Block) back() string {
	if b.drawn == 0 {
		return ""
	}
	return "\r" + strings.Repeat("\x1b[A", b.drawn) + "\x1b[J"
}
