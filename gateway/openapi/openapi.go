// Package openapi makes and serves the OpenAPI 2 document of the HTTP API.
package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/penstock/penstock/gateway/apierror"
)

// What exists only over HTTP.
//
//go:embed openapi_http.json
var httpDocument []byte

// fieldPath is a path variable that is bound to a field of a field, such as {pipeline.pipeline_id}.
var fieldPath = regexp.MustCompile(`\{[a-z_]+\.([a-z_]+)\}`)

// Document is the whole HTTP API: what the protos bind to HTTP, as protoc-gen-openapiv2 writes it, with what exists only
// over HTTP. Fails on what is not such a document.
func Document(rpcDocument []byte, version string) ([]byte, error) {
	var document, only map[string]any
	if err := json.Unmarshal(rpcDocument, &document); err != nil {
		return nil, fmt.Errorf("the document of the RPCs: %w", err)
	}
	if err := json.Unmarshal(httpDocument, &only); err != nil {
		return nil, fmt.Errorf("openapi_http.json: %w", err)
	}
	document["info"] = map[string]any{"title": "Penstock: the APIs of Kubeflow Pipelines and MLflow", "version": version}
	describeMLflow(document)
	paths := map[string]any{}
	for _, from := range []map[string]any{document, only} {
		for path, item := range from["paths"].(map[string]any) {
			addPath(paths, path, item.(map[string]any))
		}
	}
	document["paths"] = paths
	definitions := document["definitions"].(map[string]any)
	maps.Copy(definitions, only["definitions"].(map[string]any))
	// protobuf's null is JSON's, which OpenAPI 2 has no type for.
	delete(definitions, "protobufNullValue")
	return json.MarshalIndent(document, "", " ")
}

// describeMLflow says of MLflow's API in what it differs: its errors, and that integers of 64 bits are numbers.
func describeMLflow(document map[string]any) {
	for name, definition := range document["definitions"].(map[string]any) {
		if strings.HasPrefix(name, "mlflow") || strings.HasPrefix(name, "TrackingService") {
			describeNumbers(definition)
		}
	}
	for path, item := range document["paths"].(map[string]any) {
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		describeNumbers(item)
		for _, operation := range item.(map[string]any) {
			responses := operation.(map[string]any)["responses"].(map[string]any)
			responses["default"] = map[string]any{"description": "An unexpected error response.",
				"schema": map[string]any{"$ref": "#/definitions/mlflowError"}}
		}
	}
}

func describeNumbers(value any) {
	switch value := value.(type) {
	case map[string]any:
		if value["format"] == "int64" {
			value["type"] = "integer"
		}
		for _, one := range value {
			describeNumbers(one)
		}
	case []any:
		for _, one := range value {
			describeNumbers(one)
		}
	}
}

// addPath takes the fields out of the names of path variables: paths that differ only in those are one path.
func addPath(paths map[string]any, path string, item map[string]any) {
	for _, operation := range item {
		parameters, _ := operation.(map[string]any)["parameters"].([]any)
		for _, parameter := range parameters {
			p := parameter.(map[string]any)
			if name := p["name"].(string); p["in"] == "path" {
				p["name"] = name[strings.LastIndex(name, ".")+1:]
			}
		}
	}
	path = fieldPath.ReplaceAllString(path, "{$1}")
	if there, ok := paths[path].(map[string]any); ok {
		maps.Copy(there, item)
		return
	}
	paths[path] = item
}

// Handler serves a document.
func Handler(document []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			apierror.WriteWrongMethod(w, r, http.MethodGet)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	}
}
