// Package wirejson writes protobuf messages that are still in the wire format as JSON, in one pass and without making
// Go values of them. The JSON is that of protojson with UseProtoNames, but for the random spaces of the latter, at a
// fraction of its cost, which is most of what an answer with many messages costs.
package wirejson

import (
	"bytes"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxDepth of messages; what is nested deeper is left to protojson.
const maxDepth = 200

var general = protojson.MarshalOptions{UseProtoNames: true}

// Append appends to dst the JSON of a message of the type. What encoders of today do not write, such as a field twice
// or no valid message at all, is given to protojson, so that the answer or the error is the same as there. Safe for
// concurrent use.
func Append(dst []byte, of protoreflect.MessageType, wire []byte) ([]byte, error) {
	return appendMessage(dst, of, wire, false)
}

// AppendWithNumbers differs from Append in that integers of 64 bits are numbers, as in MLflow's API. In what is left to
// protojson they are texts.
func AppendWithNumbers(dst []byte, of protoreflect.MessageType, wire []byte) ([]byte, error) {
	return appendMessage(dst, of, wire, true)
}

func appendMessage(dst []byte, of protoreflect.MessageType, wire []byte, numbers bool) ([]byte, error) {
	w := writers.Get().(*writer)
	w.out, w.numbers = dst, numbers
	done := w.message(planOf(of.Descriptor()), wire)
	out := w.out
	w.out, w.spans, w.depth = nil, w.spans[:0], 0
	writers.Put(w)
	if done {
		return out, nil
	}
	message := of.New().Interface()
	if err := proto.Unmarshal(wire, message); err != nil {
		return nil, err
	}
	return general.MarshalAppend(dst, message)
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// writer appends JSON to out. Its methods return false where the message has to be left to protojson.
type writer struct {
	out     []byte
	spans   []span // of the messages that are being written, the innermost last
	depth   int
	numbers bool // integers of 64 bits are not texts
}

// span is where a field is in its message: its value without the tag or, repeated, all its elements with their tags.
type span struct {
	start, end, count int
}

func (w *writer) message(p *plan, wire []byte) bool {
	if p.write != nil {
		return p.write(w, wire)
	}
	w.depth++
	base := len(w.spans)
	ok := w.depth <= maxDepth && w.scan(p, wire) && w.fields(p, wire, base)
	w.spans = w.spans[:base]
	w.depth--
	return ok
}

// scan appends the spans of the message's fields.
func (w *writer) scan(p *plan, wire []byte) bool {
	base := len(w.spans)
	for range p.fields {
		w.spans = append(w.spans, span{})
	}
	spans := w.spans[base:]
	oneofs := uint64(0)
	for at := 0; at < len(wire); {
		number, wireType, n := protowire.ConsumeTag(wire[at:])
		if n < 0 || number > protowire.MaxValidNumber {
			return false
		}
		value := at + n
		if n = protowire.ConsumeFieldValue(number, wireType, wire[value:]); n < 0 {
			return false
		}
		begin, end := at, value+n
		at = end
		f := p.field(number)
		if f == nil {
			continue
		}
		s := &spans[f.index]
		if f.repeated {
			packed := wireType == protowire.BytesType && f.wireType != protowire.BytesType
			if (wireType != f.wireType && !packed) || (s.count > 0 && s.end != begin) {
				return false
			}
			if s.count == 0 {
				s.start = begin
			}
		} else {
			if wireType != f.wireType || s.count > 0 || oneofs&f.oneof != 0 {
				return false
			}
			oneofs |= f.oneof
			s.start = value
		}
		s.end = end
		s.count++
	}
	return true
}

func (w *writer) fields(p *plan, wire []byte, base int) bool {
	w.out = append(w.out, '{')
	empty := true
	for i := range p.fields {
		f := &p.fields[i]
		s := w.spans[base+i]
		if s.count == 0 {
			continue
		}
		content := wire[s.start:s.end]
		if f.isDefault(content) {
			continue
		}
		if !empty {
			w.out = append(w.out, ',')
		}
		empty = false
		w.out = append(w.out, f.head...)
		if !w.value(f, content) {
			return false
		}
	}
	w.out = append(w.out, '}')
	return true
}

// value writes what a span of the field holds.
func (w *writer) value(f *field, content []byte) bool {
	switch {
	case f.isMap:
		return w.entries(f.message, content)
	case f.repeated:
		return w.list(f, content)
	}
	return w.element(f, content) >= 0
}

func (w *writer) list(f *field, content []byte) bool {
	w.out = append(w.out, '[')
	begin := len(w.out)
	for len(content) > 0 {
		_, wireType, n := protowire.ConsumeTag(content)
		content = content[n:]
		elements := content
		if wireType == protowire.BytesType && f.wireType != protowire.BytesType {
			elements, n = protowire.ConsumeBytes(content)
		} else {
			n = protowire.ConsumeFieldValue(f.number, wireType, content)
			elements = elements[:n]
		}
		content = content[n:]
		for len(elements) > 0 {
			if len(w.out) > begin {
				w.out = append(w.out, ',')
			}
			if n = w.element(f, elements); n < 0 {
				return false
			}
			elements = elements[n:]
		}
	}
	if len(w.out) == begin { // packed, and empty
		return false
	}
	w.out = append(w.out, ']')
	return true
}

// element writes the value that content begins with, and returns its length or -1.
func (w *writer) element(f *field, content []byte) int {
	if f.wireType != protowire.BytesType {
		bits, n := consumeBits(f.wireType, content)
		if n >= 0 {
			w.number(f, bits)
		}
		return n
	}
	value, n := protowire.ConsumeBytes(content)
	ok := n >= 0
	switch {
	case !ok:
	case f.message != nil:
		ok = w.message(f.message, value)
	case f.kind == protoreflect.BytesKind:
		w.base64(value)
	default:
		ok = w.text(value)
	}
	if !ok {
		return -1
	}
	return n
}

type entry struct{ key, value []byte }

// entries writes a map whose keys are text, ordered by them.
func (w *writer) entries(p *plan, content []byte) bool {
	value := &p.fields[1]
	var few [8]entry
	all := few[:0]
	for len(content) > 0 {
		_, _, n := protowire.ConsumeTag(content)
		wire, size := protowire.ConsumeBytes(content[n:])
		content = content[n+size:]
		base := len(w.spans)
		ok := w.scan(p, wire)
		k, v := w.spans[base], w.spans[base+1]
		w.spans = w.spans[:base]
		if !ok || k.count == 0 || v.count == 0 {
			return false
		}
		text, _ := protowire.ConsumeBytes(wire[k.start:k.end])
		all = append(all, entry{text, wire[v.start:v.end]})
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	w.out = append(w.out, '{')
	for i, one := range all {
		if i > 0 {
			if bytes.Equal(all[i-1].key, one.key) {
				return false
			}
			w.out = append(w.out, ',')
		}
		if !w.text(one.key) {
			return false
		}
		w.out = append(w.out, ':')
		if w.element(value, one.value) < 0 {
			return false
		}
	}
	w.out = append(w.out, '}')
	return true
}
