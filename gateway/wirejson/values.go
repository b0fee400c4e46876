package wirejson

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// consumeBits reads the number that content begins with, and its length or -1.
func consumeBits(wireType protowire.Type, content []byte) (uint64, int) {
	switch wireType {
	case protowire.VarintType:
		return protowire.ConsumeVarint(content)
	case protowire.Fixed32Type:
		bits, n := protowire.ConsumeFixed32(content)
		return uint64(bits), n
	}
	return protowire.ConsumeFixed64(content)
}

// isDefault tells whether the value is left out, as encoders do themselves.
func (f *field) isDefault(content []byte) bool {
	if f.presence || f.repeated {
		return false
	}
	if f.wireType == protowire.BytesType {
		value, _ := protowire.ConsumeBytes(content)
		return len(value) == 0
	}
	bits, _ := consumeBits(f.wireType, content)
	switch f.kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.EnumKind:
		return uint32(bits) == 0 // what more there is, decoders drop
	}
	return bits == 0
}

func (w *writer) number(f *field, bits uint64) {
	switch f.kind {
	case protoreflect.BoolKind:
		w.out = strconv.AppendBool(w.out, bits != 0)
	case protoreflect.EnumKind:
		if name, ok := f.enum[int32(bits)]; ok {
			w.out = append(w.out, name...)
		} else if f.enum == nil {
			w.out = append(w.out, "null"...)
		} else {
			w.out = strconv.AppendInt(w.out, int64(int32(bits)), 10)
		}
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		w.out = strconv.AppendInt(w.out, int64(int32(bits)), 10)
	case protoreflect.Sint32Kind:
		w.out = strconv.AppendInt(w.out, protowire.DecodeZigZag(bits&math.MaxUint32), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.out = strconv.AppendUint(w.out, uint64(uint32(bits)), 10)
	case protoreflect.FloatKind:
		w.float(float64(math.Float32frombits(uint32(bits))), 32)
	case protoreflect.DoubleKind:
		w.float(math.Float64frombits(bits), 64)
	default:
		w.integer64(f.kind, bits)
	}
}

// integer64 writes a text, as 64 bits do not fit the numbers of JavaScript, unless numbers are asked for.
func (w *writer) integer64(kind protoreflect.Kind, bits uint64) {
	if !w.numbers {
		w.out = append(w.out, '"')
	}
	switch kind {
	case protoreflect.Sint64Kind:
		w.out = strconv.AppendInt(w.out, protowire.DecodeZigZag(bits), 10)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.out = strconv.AppendUint(w.out, bits, 10)
	default:
		w.out = strconv.AppendInt(w.out, int64(bits), 10)
	}
	if !w.numbers {
		w.out = append(w.out, '"')
	}
}

func (w *writer) float(number float64, bitSize int) {
	switch {
	case math.IsNaN(number):
		w.out = append(w.out, `"NaN"`...)
		return
	case math.IsInf(number, 0):
		w.out = append(w.out, '"')
		if number < 0 {
			w.out = append(w.out, '-')
		}
		w.out = append(w.out, `Infinity"`...)
		return
	}
	tiny, huge := 1e-6, 1e21
	if bitSize == 32 {
		tiny, huge = float64(float32(tiny)), float64(float32(huge))
	}
	if size := math.Abs(number); size == 0 || (size >= tiny && size < huge) {
		w.out = strconv.AppendFloat(w.out, number, 'f', -1, bitSize)
		return
	}
	w.out = strconv.AppendFloat(w.out, number, 'e', -1, bitSize)
	if n := len(w.out); w.out[n-4] == 'e' && w.out[n-3] == '-' && w.out[n-2] == '0' { // e-09 is e-9 in JavaScript
		w.out[n-2] = w.out[n-1]
		w.out = w.out[:n-1]
	}
}

func (w *writer) base64(value []byte) {
	w.out = append(w.out, '"')
	w.out = base64.StdEncoding.AppendEncode(w.out, value)
	w.out = append(w.out, '"')
}

// isSafe tells which bytes stand for themselves in a JSON text of ASCII.
var isSafe = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

func (w *writer) text(value []byte) bool {
	w.out = append(w.out, '"')
	i := 0
	for i < len(value) && isSafe[value[i]] {
		i++
	}
	if i < len(value) && !utf8.Valid(value[i:]) {
		return false
	}
	begun := 0
	for ; i < len(value); i++ {
		c := value[i]
		if isSafe[c] || c >= utf8.RuneSelf {
			continue
		}
		w.out = append(w.out, value[begun:i]...)
		begun = i + 1
		w.escaped(c)
	}
	w.out = append(w.out, value[begun:]...)
	w.out = append(w.out, '"')
	return true
}

func (w *writer) escaped(c byte) {
	const hex = "0123456789abcdef"
	w.out = append(w.out, '\\')
	switch c {
	case '"', '\\':
		w.out = append(w.out, c)
	case '\b':
		w.out = append(w.out, 'b')
	case '\f':
		w.out = append(w.out, 'f')
	case '\n':
		w.out = append(w.out, 'n')
	case '\r':
		w.out = append(w.out, 'r')
	case '\t':
		w.out = append(w.out, 't')
	default:
		w.out = append(w.out, 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
