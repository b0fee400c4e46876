package text

import (
	"slices"
	"strings"
)

// Nearest is the name that somebody may have meant who wrote what is none; empty if none comes near.
func Nearest(written string, names []string) string {
	best, found := max(1, len(written)/3)+1, ""
	for _, name := range slices.Sorted(slices.Values(names)) {
		if distance := editDistance(strings.ToLower(written), strings.ToLower(name)); distance < best {
			best, found = distance, name
		}
	}
	return found
}

// Suggest is "; did you mean 'x'?" for the nearest name, or nothing.
func Suggest(written string, names []string) string {
	if near := Nearest(written, names); near != "" {
		return "; did you mean '" + near + "'?"
	}
	return ""
}

// SuggestOrList is Suggest, or where nothing comes near, all the names behind `lead`, as in "; there are: a, b".
func SuggestOrList(written string, names []string, lead string) string {
	if hint := Suggest(written, names); hint != "" || len(names) == 0 {
		return hint
	}
	return "; " + lead + ": " + strings.Join(names, ", ")
}

// How many letters are to be added, removed, changed or exchanged with their neighbour.
func editDistance(a, b string) int {
	var twoAbove, above []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		twoAbove, above, row = above, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
