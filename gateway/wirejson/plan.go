package wirejson

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan is what is needed of a message type, looked up once. Constant after planOf.
type plan struct {
	fields   []field // in the order of their declaration, which is that of the JSON
	byNumber []int   // index of the field, plus 1; 0: there is none

	// For types whose JSON is not an object of their fields; else nil.
	write func(w *writer, wire []byte) bool
}

type field struct {
	index    int
	number   protowire.Number
	head     string // "name":
	kind     protoreflect.Kind
	wireType protowire.Type // of a single value
	repeated bool           // also if it is a map
	isMap    bool
	presence bool             // written even if it has the default value
	oneof    uint64           // the bit of the oneof that it belongs to
	enum     map[int32]string // names as JSON; nil: it is always null
	message  *plan            // of a map: that of its entries
}

// Larger ones would make byNumber large; nobody uses them.
const maxNumber = 2048

var (
	plansMutex sync.Mutex
	plans      sync.Map // of protoreflect.MessageDescriptor: *plan
)

func planOf(of protoreflect.MessageDescriptor) *plan {
	if p, ok := plans.Load(of); ok {
		return p.(*plan)
	}
	plansMutex.Lock()
	defer plansMutex.Unlock()
	made := map[protoreflect.MessageDescriptor]*plan{}
	p := makePlan(of, made)
	for descriptor, one := range made { // only now are they complete
		plans.LoadOrStore(descriptor, one)
	}
	return p
}

// makePlan returns the plan in made, where it also stands while those that it refers to are made.
func makePlan(of protoreflect.MessageDescriptor, made map[protoreflect.MessageDescriptor]*plan) *plan {
	if p, ok := made[of]; ok {
		return p
	}
	p := &plan{}
	made[of] = p
	if !isPlain(of) {
		p.write = throughProtojson(of)
		return p
	}
	for i := range of.Fields().Len() {
		descriptor := of.Fields().Get(i)
		p.fields = append(p.fields, makeField(descriptor, made))
		for int(descriptor.Number()) >= len(p.byNumber) {
			p.byNumber = append(p.byNumber, 0)
		}
		p.byNumber[descriptor.Number()] = i + 1
	}
	p.write = knownWriter(of.FullName(), p)
	return p
}

// isPlain tells whether wirejson knows all that is in such a message.
func isPlain(of protoreflect.MessageDescriptor) bool {
	if of.ParentFile().Syntax() != protoreflect.Proto3 || of.Oneofs().Len() > 64 {
		return false
	}
	if of.FullName().Parent() == "google.protobuf" && !writtenHere[of.FullName()] {
		return false
	}
	for i := range of.Fields().Len() {
		f := of.Fields().Get(i)
		if f.Number() > maxNumber || (f.IsMap() && f.MapKey().Kind() != protoreflect.StringKind) {
			return false
		}
	}
	return true
}

func makeField(of protoreflect.FieldDescriptor, made map[protoreflect.MessageDescriptor]*plan) field {
	f := field{
		index: of.Index(), number: of.Number(), head: `"` + of.TextName() + `":`, kind: of.Kind(),
		wireType: wireTypes[of.Kind()], repeated: of.Cardinality() == protoreflect.Repeated, isMap: of.IsMap(),
		presence: of.HasPresence(),
	}
	if oneof := of.ContainingOneof(); oneof != nil {
		f.oneof = 1 << oneof.Index()
	}
	if enum := of.Enum(); enum != nil && enum.FullName() != "google.protobuf.NullValue" {
		f.enum = map[int32]string{}
		for i := range enum.Values().Len() {
			value := enum.Values().Get(i)
			if _, aliased := f.enum[int32(value.Number())]; !aliased {
				f.enum[int32(value.Number())] = `"` + string(value.Name()) + `"`
			}
		}
	}
	if of.Message() != nil {
		f.message = makePlan(of.Message(), made)
	}
	return f
}

func (p *plan) field(number protowire.Number) *field {
	if int(number) >= len(p.byNumber) || p.byNumber[number] == 0 {
		return nil
	}
	return &p.fields[p.byNumber[number]-1]
}

var wireTypes = map[protoreflect.Kind]protowire.Type{
	protoreflect.BoolKind: protowire.VarintType, protoreflect.EnumKind: protowire.VarintType,
	protoreflect.Int32Kind: protowire.VarintType, protoreflect.Int64Kind: protowire.VarintType,
	protoreflect.Sint32Kind: protowire.VarintType, protoreflect.Sint64Kind: protowire.VarintType,
	protoreflect.Uint32Kind: protowire.VarintType, protoreflect.Uint64Kind: protowire.VarintType,
	protoreflect.Fixed32Kind: protowire.Fixed32Type, protoreflect.Sfixed32Kind: protowire.Fixed32Type,
	protoreflect.FloatKind:   protowire.Fixed32Type,
	protoreflect.Fixed64Kind: protowire.Fixed64Type, protoreflect.Sfixed64Kind: protowire.Fixed64Type,
	protoreflect.DoubleKind: protowire.Fixed64Type,
	protoreflect.StringKind: protowire.BytesType, protoreflect.BytesKind: protowire.BytesType,
	protoreflect.MessageKind: protowire.BytesType,
}
