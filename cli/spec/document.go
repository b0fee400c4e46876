// Package spec reads compiled pipelines, and makes values of what a user writes for their inputs. Pure, but for reading
// the file.
package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxFileBytes = 32 << 20 // what the server takes
	maxValues    = 2_000_000
	maxDepth     = 200
)

// Package is a compiled pipeline.
type Package struct {
	Pipeline map[string]any
	Platform map[string]any // of its second document; nil if there is none
}

// ReadPackage reads a package in YAML or JSON.
func ReadPackage(path string) (*Package, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	return ParsePackage(path, text)
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, errors.Unwrap(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, errors.Unwrap(err))
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB, the largest package that the server takes", path, maxFileBytes>>20)
	}
	return text, nil
}

// ParsePackage reads the text of a package; name is what errors call it.
func ParsePackage(name string, text []byte) (*Package, error) {
	documents, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	if len(documents) > 2 {
		return nil, fmt.Errorf("%s has %d documents; a package has one or two, pipeline and platform", name, len(documents))
	}
	made := Package{}
	for i, document := range documents {
		object, isObject := document.(map[string]any)
		switch {
		case !isObject:
			return nil, fmt.Errorf("%s is no compiled pipeline: it holds no object", name)
		case i == 1:
			made.Platform = object
		default:
			made.Pipeline = object
		}
	}
	// The form in which runs take both.
	if inner, isObject := made.Pipeline["pipeline_spec"].(map[string]any); isObject {
		made.Platform, _ = made.Pipeline["platform_spec"].(map[string]any)
		made.Pipeline = inner
	}
	if made.Pipeline == nil || made.Pipeline["root"] == nil {
		return nil, fmt.Errorf("%s is no compiled pipeline: it has no `root`; compile it with kfp's compiler, or give the "+
			".py file", name)
	}
	return &made, nil
}

// Body is the package as runs take it.
func (p *Package) Body() map[string]any {
	if p.Platform == nil {
		return p.Pipeline
	}
	return map[string]any{"pipeline_spec": p.Pipeline, "platform_spec": p.Platform}
}

// Name of the pipeline, as it names itself.
func (p *Package) Name() string {
	info, _ := p.Pipeline["pipelineInfo"].(map[string]any)
	name, _ := info["name"].(string)
	return name
}

func parse(name string, text []byte) ([]any, error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	var documents []any
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s is neither YAML nor JSON: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		reader := reader{name: name}
		value, err := reader.value(&node, 0)
		if err != nil {
			return nil, err
		}
		if value != nil {
			documents = append(documents, value)
		}
	}
}

// reader makes of YAML's nodes what JSON has.
type reader struct {
	name   string
	values int
}

func (r *reader) value(node *yaml.Node, depth int) (any, error) {
	// Aliases can make a document much larger than its text.
	if r.values++; r.values > maxValues || depth > maxDepth {
		return nil, r.wrong(node, fmt.Sprintf("it has more than %d values, or is deeper than %d", maxValues, maxDepth))
	}
	switch node.Kind {
	case yaml.DocumentNode:
		return r.value(node.Content[0], depth)
	case yaml.AliasNode:
		return r.value(node.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, item := range node.Content {
			value, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.MappingNode:
		return r.object(node, depth)
	case yaml.ScalarNode:
		return r.scalar(node)
	}
	return nil, nil
}

func (r *reader) object(node *yaml.Node, depth int) (any, error) {
	object := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, r.wrong(key, "a key has to be a text")
		}
		if _, twice := object[key.Value]; twice {
			return nil, r.wrong(key, fmt.Sprintf("the key %q is there twice", key.Value))
		}
		value, err := r.value(node.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		object[key.Value] = value
	}
	return object, nil
}

// Dates and the like are texts to a pipeline.
func (r *reader) scalar(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var value bool
		err := node.Decode(&value)
		return value, err
	case "!!int":
		var value int64
		if err := node.Decode(&value); err != nil {
			return node.Value, nil
		}
		return json.Number(fmt.Sprint(value)), nil
	case "!!float":
		var value float64
		if err := node.Decode(&value); err != nil {
			return nil, r.wrong(node, err.Error())
		}
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, r.wrong(node, node.Value+" is no number that JSON has")
		}
		return value, nil
	}
	return node.Value, nil
}

func (r *reader) wrong(node *yaml.Node, what string) error {
	return fmt.Errorf("%s line %d: %s", r.name, node.Line, what)
}
