package wirejson

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// writtenHere are the types of google.protobuf that have JSON of their own, or none, and are frequent.
var writtenHere = map[protoreflect.FullName]bool{
	"google.protobuf.Empty": true, "google.protobuf.Timestamp": true, "google.protobuf.Struct": true,
	"google.protobuf.Value": true, "google.protobuf.ListValue": true,
}

func knownWriter(name protoreflect.FullName, p *plan) func(*writer, []byte) bool {
	switch name {
	case "google.protobuf.Timestamp":
		return func(w *writer, wire []byte) bool { return w.timestamp(p, wire) }
	case "google.protobuf.Struct":
		return func(w *writer, wire []byte) bool { return w.bare(p, wire, "{}") }
	case "google.protobuf.ListValue":
		return func(w *writer, wire []byte) bool { return w.bare(p, wire, "[]") }
	case "google.protobuf.Value":
		return func(w *writer, wire []byte) bool { return w.bare(p, wire, "") }
	}
	return nil
}

// throughProtojson writes what is rare, or made only of parts that are.
func throughProtojson(of protoreflect.MessageDescriptor) func(*writer, []byte) bool {
	found, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	return func(w *writer, wire []byte) bool {
		if err != nil {
			return false
		}
		message := found.New().Interface()
		if proto.Unmarshal(wire, message) != nil {
			return false
		}
		out, failed := general.MarshalAppend(w.out, message)
		if failed == nil {
			w.out = out
		}
		return failed == nil
	}
}

// bare writes the value of the only field that is set in place of the message. An empty text if none is: there must be
// one.
func (w *writer) bare(p *plan, wire []byte, empty string) bool {
	w.depth++
	base := len(w.spans)
	ok := w.depth <= maxDepth && w.scan(p, wire) && w.onlyField(p, wire, base, empty)
	w.spans = w.spans[:base]
	w.depth--
	return ok
}

func (w *writer) onlyField(p *plan, wire []byte, base int, empty string) bool {
	for i := range p.fields {
		f := &p.fields[i]
		s := w.spans[base+i]
		if s.count == 0 {
			continue
		}
		content := wire[s.start:s.end]
		if f.kind == protoreflect.DoubleKind {
			bits, _ := consumeBits(f.wireType, content)
			if number := math.Float64frombits(bits); math.IsNaN(number) || math.IsInf(number, 0) {
				return false // JSON has no such number
			}
		}
		return w.value(f, content)
	}
	w.out = append(w.out, empty...)
	return empty != ""
}

// The years 1 to 9999.
const minSeconds, maxSeconds = -62135596800, 253402300799

func (w *writer) timestamp(p *plan, wire []byte) bool {
	base := len(w.spans)
	ok := w.scan(p, wire)
	seconds, nanos := w.spans[base], w.spans[base+1]
	w.spans = w.spans[:base]
	if !ok {
		return false
	}
	var at, fraction uint64
	if seconds.count > 0 {
		at, _ = protowire.ConsumeVarint(wire[seconds.start:])
	}
	if nanos.count > 0 {
		fraction, _ = protowire.ConsumeVarint(wire[nanos.start:])
	}
	if int64(at) < minSeconds || int64(at) > maxSeconds || fraction >= 1e9 {
		return false
	}
	w.out = append(w.out, '"')
	w.out = time.Unix(int64(at), 0).UTC().AppendFormat(w.out, time.RFC3339)
	if fraction > 0 {
		w.fraction(fraction)
	}
	w.out = append(w.out, '"')
	return true
}

// fraction puts 3, 6 or 9 digits in before the Z.
func (w *writer) fraction(nanos uint64) {
	digits := 9
	for nanos%1000 == 0 {
		nanos /= 1000
		digits -= 3
	}
	end := len(w.out) - 1
	w.out = append(w.out[:end], ".000000000"[:digits+1]...)
	for i := end + digits; i > end; i-- {
		w.out[i] = byte('0' + nanos%10)
		nanos /= 10
	}
	w.out = append(w.out, 'Z')
}
