package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/cli/text"
)

// Kind of an input.
type Kind int

// What an input takes.
const (
	Text Kind = iota
	Integer
	Double
	Boolean
	List
	Object
	Artifact
	Artifacts
)

var kinds = map[string]Kind{
	"NUMBER_INTEGER": Integer, "INT": Integer, "NUMBER_DOUBLE": Double, "DOUBLE": Double, "BOOLEAN": Boolean, "STRING": Text,
	"LIST": List, "STRUCT": Object,
}

var kindWords = map[Kind]string{
	Text: "text", Integer: "whole number", Double: "number", Boolean: "true or false", List: "list, as JSON",
	Object: "object, as JSON", Artifact: "artifact: its id, URI or path", Artifacts: "artifacts: a list, as JSON",
}

// Input of a pipeline.
type Input struct {
	Name     string
	Kind     Kind
	Required bool
	Default  any // nil if it has none
	Literals []any
}

func (i Input) String() string {
	words := kindWords[i.Kind]
	switch {
	case i.Required:
		return fmt.Sprintf("%s (%s)", i.Name, words)
	case i.Default != nil:
		return fmt.Sprintf("%s (%s, default %s)", i.Name, words, valueText(i.Default))
	}
	return fmt.Sprintf("%s (%s, optional)", i.Name, words)
}

func valueText(value any) string {
	if text, isText := value.(string); isText {
		return fmt.Sprintf("%q", text)
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// Inputs of a pipeline by name, those that are required first.
func Inputs(pipeline map[string]any) []Input {
	root, _ := pipeline["root"].(map[string]any)
	definitions, _ := root["inputDefinitions"].(map[string]any)
	parameters, _ := definitions["parameters"].(map[string]any)
	artifacts, _ := definitions["artifacts"].(map[string]any)
	var inputs []Input
	for name, of := range parameters {
		object, _ := of.(map[string]any)
		typeName, _ := object["parameterType"].(string)
		if typeName == "" {
			typeName, _ = object["type"].(string)
		}
		literals, _ := object["literals"].([]any)
		optional, _ := object["isOptional"].(bool)
		fallback := object["defaultValue"]
		inputs = append(inputs, Input{Name: name, Kind: kinds[typeName], Default: fallback, Literals: literals,
			Required: !optional && fallback == nil})
	}
	for name, of := range artifacts {
		object, _ := of.(map[string]any)
		kind := Artifact
		if several, _ := object["isArtifactList"].(bool); several {
			kind = Artifacts
		}
		optional, _ := object["isOptional"].(bool)
		inputs = append(inputs, Input{Name: name, Kind: kind, Required: !optional})
	}
	slices.SortFunc(inputs, func(a, b Input) int {
		if a.Required != b.Required {
			if a.Required {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return inputs
}

// Given is what a user writes: texts by name of the command line, and values of a file. Texts go first.
type Given struct {
	Texts  map[string]string
	Values map[string]any
}

// Parameters makes the values that the server takes. What is wrong is told all at once.
func Parameters(inputs []Input, given Given) (map[string]any, error) {
	values := map[string]any{}
	var wrong []string
	names := make([]string, len(inputs))
	byName := map[string]Input{}
	for i, input := range inputs {
		names[i] = input.Name
		byName[input.Name] = input
	}
	for _, name := range namesOf(given) {
		input, isKnown := byName[name]
		if !isKnown {
			wrong = append(wrong, fmt.Sprintf("the pipeline has no parameter '%s'%s", text.Plain(name), text.Suggest(name, names)))
			continue
		}
		value, err := given.read(input)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("parameter '%s': %s", text.Plain(name), err))
			continue
		}
		values[name] = value
	}
	for _, input := range inputs {
		if !given.has(input.Name) && input.Required {
			wrong = append(wrong, fmt.Sprintf("parameter '%s' is missing; give it with --param %s=VALUE (%s)",
				text.Plain(input.Name), text.Plain(input.Name), kindWords[input.Kind]))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%s\n%s", strings.Join(wrong, "\n"), Describe(inputs))
	}
	return values, nil
}

// Describe lists the inputs on a line.
func Describe(inputs []Input) string {
	if len(inputs) == 0 {
		return "It takes no parameters."
	}
	words := make([]string, len(inputs))
	for i, input := range inputs {
		words[i] = text.Plain(input.String())
	}
	return "It takes " + strings.Join(words, ", ") + "."
}

func namesOf(given Given) []string {
	var names []string
	for name := range given.Texts {
		names = append(names, name)
	}
	for name := range given.Values {
		if _, twice := given.Texts[name]; !twice {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (g Given) has(name string) bool {
	_, isText := g.Texts[name]
	_, isValue := g.Values[name]
	return isText || isValue
}

func (g Given) read(input Input) (any, error) {
	if text, isText := g.Texts[input.Name]; isText {
		return FromText(input, text)
	}
	return FromValue(input, g.Values[input.Name])
}
