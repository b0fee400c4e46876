package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFromText(t *testing.T) {
	for _, one := range []struct {
		kind    Kind
		written string
		want    string // as JSON; empty: an error that has
		wrong   string
	}{
		{Text, " as it is ", `" as it is "`, ""},
		{Text, "", `""`, ""},
		{Text, "3", `"3"`, ""},
		{Integer, "3", `3`, ""},
		{Integer, "-3", `-3`, ""},
		{Integer, "1e3", `1000`, ""},
		{Integer, "3.0", `3`, ""},
		{Integer, "3.5", ``, "a whole number, and is '3.5'"},
		{Integer, "three", ``, "whole number"},
		{Integer, "0x10", ``, "whole number"},
		{Integer, "9007199254740993", ``, "9007199254740991"},
		{Integer, "1e999", ``, "too large"},
		{Integer, "", ``, "empty"},
		{Double, "0.1", `0.1`, ""},
		{Double, ".5", `0.5`, ""},
		{Double, "1e-3", `0.001`, ""},
		{Double, "nan", ``, "number, and is 'nan'"},
		{Double, "inf", ``, "number"},
		{Double, "1e999", ``, "too large"},
		{Boolean, "true", `true`, ""},
		{Boolean, "False", `false`, ""},
		{Boolean, "yes", ``, "true or false"},
		{List, "[1, \"a\"]", `[1,"a"]`, ""},
		{List, "{\"a\": 1}", ``, "list such as [1, 2], and is an object"},
		{List, "['a']", ``, "double quotes"},
		{List, "[True]", ``, "true, false and null"},
		{List, "[1,]", ``, "comma"},
		{List, "[1] [2]", ``, "something follows"},
		{List, "1,2", ``, "a list is like"},
		{List, "a,b", ``, "the shell wants quotes"},
		{Object, "{\"a\": {\"b\": null}}", `{"a":{"b":null}}`, ""},
		{Object, "null", ``, "and is null"},
		{Artifact, "/data/train.csv", `"/data/train.csv"`, ""},
		{Artifacts, "[\"a\", \"b\"]", `["a","b"]`, ""},
	} {
		value, err := FromText(Input{Name: "x", Kind: one.kind}, one.written)
		if one.want == "" {
			if err == nil || !strings.Contains(err.Error(), one.wrong) {
				t.Errorf("%d %q: error %v, want one with %q", one.kind, one.written, err, one.wrong)
			}
			continue
		}
		if got, _ := json.Marshal(value); err != nil || string(got) != one.want {
			t.Errorf("%d %q: %s %v, want %s", one.kind, one.written, got, err, one.want)
		}
	}
}

func TestFromValue(t *testing.T) {
	for _, one := range []struct {
		kind  Kind
		value any
		good  bool
	}{
		{Integer, json.Number("3"), true}, {Integer, 3.0, true}, {Integer, 3.5, false}, {Integer, "3", true},
		{Double, json.Number("3"), true}, {Double, "0.5", true}, {Double, true, false}, {Text, json.Number("3"), false},
		{Boolean, true, true}, {Boolean, json.Number("1"), false}, {List, []any{1}, true}, {Object, []any{}, false},
		{Text, nil, false},
	} {
		if _, err := FromValue(Input{Kind: one.kind}, one.value); (err == nil) != one.good {
			t.Errorf("%d %v: %v", one.kind, one.value, err)
		}
	}
}

func TestLiterals(t *testing.T) {
	input := Input{Kind: Text, Literals: []any{"adam", "sgd"}}
	if _, err := FromText(input, "adam"); err != nil {
		t.Error(err)
	}
	if _, err := FromText(input, "lbfgs"); err == nil || !strings.Contains(err.Error(), `"adam", "sgd"`) {
		t.Error(err)
	}
}

const training = `
pipelineInfo: {name: train}
root:
  inputDefinitions:
    artifacts:
      data: {artifactType: {schemaTitle: system.Dataset}, isOptional: true}
    parameters:
      lr: {parameterType: NUMBER_DOUBLE}
      epochs: {parameterType: NUMBER_INTEGER, defaultValue: 3.0}
      day: {parameterType: STRING, defaultValue: 2026-01-02}
`

func TestParameters(t *testing.T) {
	made, err := ParsePackage("train.yaml", []byte(training))
	if err != nil {
		t.Fatal(err)
	}
	inputs := Inputs(made.Pipeline)
	if got, want := Describe(inputs), `It takes lr (number), data (artifact: its id, URI or path, optional), `+
		`day (text, default "2026-01-02"), epochs (whole number, default 3).`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	values, err := Parameters(inputs, Given{Texts: map[string]string{"lr": "0.1"}, Values: map[string]any{"lr": true,
		"epochs": json.Number("5")}})
	if got, _ := json.Marshal(values); err != nil || string(got) != `{"epochs":5,"lr":0.1}` {
		t.Errorf("%s %v", got, err)
	}
	_, err = Parameters(inputs, Given{Texts: map[string]string{"epoch": "1", "day": "x", "epochs": "many"}})
	for _, part := range []string{"no parameter 'epoch'; did you mean 'epochs'?", "'epochs': it has to be a whole number",
		"'lr' is missing; give it with --param lr=VALUE", "It takes lr"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q", err, part)
		}
	}
}

func TestPackages(t *testing.T) {
	two, err := ParsePackage("two.yaml", []byte("root: {}\n---\nplatforms: {kubernetes: {}}\n"))
	if err != nil || two.Platform == nil {
		t.Fatal(two, err)
	}
	if body := two.Body(); body["pipeline_spec"] == nil || body["platform_spec"] == nil {
		t.Error(body)
	}
	asJSON, err := ParsePackage("one.json", []byte(`{"pipelineInfo": {"name": "x"}, "root": {"a": 12345678901234567}}`))
	if err != nil || asJSON.Name() != "x" {
		t.Fatal(asJSON, err)
	}
	if text, _ := json.Marshal(asJSON.Body()); !strings.Contains(string(text), "12345678901234567") {
		t.Errorf("%s", text)
	}
	for given, wrong := range map[string]string{
		"":                           "no `root`",
		"just a text":                "no object",
		"a: [":                       "neither YAML nor JSON",
		"root: {}\nroot: {}":         "twice",
		"root: {a: .nan}":            "no number",
		"a: 1\n---\nb: 1\n---\nc: 1": "3 documents",
		"a: &a [1, 2]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n" +
			"d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n" +
			"f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\ng: [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]\n": "",
	} {
		if _, err := ParsePackage("x", []byte(given)); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, want %q", given, err, wrong)
		}
	}
}

func TestReadValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "params.yaml")
	if err := os.WriteFile(path, []byte("lr: 0.1\nlayers: [1, 2]\nname: 2026-01-01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := ReadValues(path)
	if got, _ := json.Marshal(values); err != nil || string(got) != `{"layers":[1,2],"lr":0.1,"name":"2026-01-01"}` {
		t.Errorf("%s %v", got, err)
	}
	if _, err := ReadValues(path + "x"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}
