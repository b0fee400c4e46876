package text

import "strings"

const (
	gap           = "  "
	narrowestCell = 8 // columns that give way keep so much
)

// Column of a table.
type Column struct {
	Title string
	Right bool // numbers
	Gives bool // is cut where the table is wider than the terminal
}

// Cell is a text that is clean already, and how to colour it; Paint may be nil.
type Cell struct {
	Text  string
	Paint func(string) string
}

// Table lays out rows under titles. After a row may come lines of its own.
type Table struct {
	Columns []Column
	rows    [][]Cell
	notes   map[int][]Cell // by the number of rows before
}

// Add appends a row; cells that are missing at its end are empty.
func (t *Table) Add(cells ...Cell) { t.rows = append(t.rows, cells) }

// Note appends a line that is no row.
func (t *Table) Note(cell Cell) {
	if t.notes == nil {
		t.notes = map[int][]Cell{}
	}
	t.notes[len(t.rows)] = append(t.notes[len(t.rows)], cell)
}

// String lays the table out for a terminal of so many columns; 0: as wide as it needs to be.
func (t *Table) String(columns int) string {
	widths := t.widths(columns)
	var out strings.Builder
	titles := make([]Cell, len(t.Columns))
	for i, column := range t.Columns {
		titles[i].Text = column.Title
	}
	if strings.TrimSpace(join(titles)) != "" {
		t.write(&out, titles, widths)
	}
	for i, row := range t.rows {
		t.write(&out, row, widths)
		for _, note := range t.notes[i+1] {
			text := note.Text
			if columns > 0 {
				text = Shorten(text, columns)
			}
			out.WriteString(painted(note, text) + "\n")
		}
	}
	return out.String()
}

func join(cells []Cell) string {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = cell.Text
	}
	return strings.Join(texts, "")
}

// The last column that gives way gives first.
func (t *Table) widths(columns int) []int {
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = Width(column.Title)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell.Text))
		}
	}
	total := len(gap) * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	for i := len(widths) - 1; i >= 0 && columns > 0 && total > columns; i-- {
		if spare := widths[i] - narrowestCell; t.Columns[i].Gives && spare > 0 {
			taken := min(spare, total-columns)
			widths[i] -= taken
			total -= taken
		}
	}
	return widths
}

func (t *Table) write(out *strings.Builder, row []Cell, widths []int) {
	var line strings.Builder
	for i, cell := range row {
		if i > 0 {
			line.WriteString(gap)
		}
		text := Shorten(cell.Text, widths[i])
		// The paint is around the text alone, so that no line ends in blanks.
		filled := Pad(text, widths[i], t.Columns[i].Right)
		line.WriteString(strings.Replace(filled, text, painted(cell, text), 1))
	}
	out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

func painted(cell Cell, text string) string {
	if cell.Paint == nil || text == "" {
		return text
	}
	return cell.Paint(text)
}
