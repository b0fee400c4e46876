package api

import "strconv"

// Number is an integer of 64 bits, which JSON has as a text.
type Number int64

// UnmarshalJSON reads both forms.
func (n *Number) UnmarshalJSON(text []byte) error {
	bare := string(text)
	if unquoted, err := strconv.Unquote(bare); err == nil {
		bare = unquoted
	}
	value, err := strconv.ParseInt(bare, 10, 64)
	*n = Number(value)
	return err
}
