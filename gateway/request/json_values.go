package request

// jsonValues counts the values of a JSON text as it passes by. A byte of text can become a hundred of memory, so the
// size of a body alone bounds nothing. It never counts fewer than there are: what is not JSON the decoder will find.
type jsonValues struct {
	count    int
	inString bool
	escaped  bool
}

func (v *jsonValues) add(text []byte) {
	for _, c := range text {
		switch {
		case v.escaped:
			v.escaped = false
		case v.inString:
			v.escaped = c == '\\'
			v.inString = c != '"'
		case c == '"':
			v.inString = true
		case c == ',' || c == '{' || c == '[':
			v.count++
		}
	}
}
