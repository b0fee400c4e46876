package settings

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

var unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)

// suggest makes a sentence of a strict decoder's problem: for an unknown key one that names the nearest known one.
func suggest(problem error, of any) error {
	match := unknownField.FindStringSubmatch(problem.Error())
	if match == nil {
		return problem
	}
	path := match[1]
	name := path[strings.LastIndex(path, ".")+1:]
	best, distance := "", len(name)/2+1
	for known := range names(reflect.TypeOf(of), map[reflect.Type]bool{}) {
		if d := editDistance(name, known); d < distance || d == distance && best != "" && known < best {
			best, distance = known, d
		}
	}
	if best == "" {
		return fmt.Errorf("%q is no setting", path)
	}
	return fmt.Errorf("%q is no setting; did you mean %q?", path, best)
}

// names are the keys that a type and those in it have.
func names(t reflect.Type, seen map[reflect.Type]bool) map[string]bool {
	found := map[string]bool{}
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return found
	}
	seen[t] = true
	for i := range t.NumField() {
		field := t.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			found[name] = true
		}
		for name := range names(field.Type, seen) {
			found[name] = true
		}
	}
	return found
}

// editDistance is how many letters must be changed, put in or left out.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := before
			if a[i-1] != b[j-1] {
				changed++
			}
			before = row[j]
			row[j] = min(changed, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
