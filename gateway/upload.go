package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

const uploadPartName = "uploadfile"

// uploadedFile is the file part of a multipart form.
type uploadedFile struct {
	name    string
	content []byte
}

// uploadCall makes the RPC from the file and the query, which carries all options.
type uploadCall func(ctx context.Context, file uploadedFile, query url.Values, tags map[string]string) (any, error)

func (g *gateway) uploadPipeline(ctx context.Context, file uploadedFile, query url.Values,
	tags map[string]string) (any, error) {
	return g.uploads.UploadPipeline(ctx, &penstock.UploadPipelineRequest{
		FileName:      file.name,
		Content:       file.content,
		Name:          query.Get("name"),
		DisplayName:   query.Get("display_name"),
		Description:   query.Get("description"),
		Namespace:     query.Get("namespace"),
		Tags:          tags,
		CodeSourceUrl: query.Get("code_source_url"),
	})
}

func (g *gateway) uploadPipelineVersion(ctx context.Context, file uploadedFile, query url.Values,
	tags map[string]string) (any, error) {
	pipelineID := query.Get("pipelineid") // the spelling of the API
	if pipelineID == "" {
		return nil, apierror.Refuse("The query parameter pipelineid is missing: it says which pipeline gets the version.")
	}
	return g.uploads.UploadPipelineVersion(ctx, &penstock.UploadPipelineVersionRequest{
		PipelineId:    pipelineID,
		FileName:      file.name,
		Content:       file.content,
		Name:          query.Get("name"),
		DisplayName:   query.Get("display_name"),
		Description:   query.Get("description"),
		Tags:          tags,
		CodeSourceUrl: query.Get("code_source_url"),
	})
}

func (g *gateway) serveUpload(call uploadCall) http.HandlerFunc {
	upload := admission.LargeBodies(g.largeBodies, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply, err := g.upload(w, r, call)
		var refused *apierror.Refusal
		if errors.As(err, &refused) {
			apierror.WriteHTTP(w, r, refused.HTTPCode, refused.Message, "")
			return
		}
		if err != nil {
			apierror.WriteHTTPFrom(w, r, err)
			return
		}
		g.writeMessage(w, r, reply)
	}))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			apierror.WriteHTTP(w, r, http.StatusNotImplemented,
				"Packages are uploaded with POST; "+limits.Shortened(r.Method)+" is not supported here.", "")
			return
		}
		upload.ServeHTTP(w, r)
	}
}

func (g *gateway) upload(w http.ResponseWriter, r *http.Request, call uploadCall) (any, error) {
	if failed := request.BoundBody(w, r, g.cfg.MaxUploadBytes+limits.UploadEnvelopeBytes); failed != nil {
		return nil, g.packageTooLarge()
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, apierror.Refuse("The query string is malformed: %v.", err)
	}
	tags, err := parseTags(query.Get("tags"))
	if err != nil {
		return nil, err
	}
	file, err := g.readUploadedFile(r)
	if err != nil {
		if bodyErr := request.InfoOf(r.Context()).BodyError(); bodyErr != nil {
			if bodyErr.HTTPCode == http.StatusRequestEntityTooLarge {
				return nil, g.packageTooLarge()
			}
			return nil, &apierror.Refusal{HTTPCode: bodyErr.HTTPCode, Message: bodyErr.Message}
		}
		return nil, err
	}
	return call(g.headers.Outgoing(r), *file, query, tags)
}

func (g *gateway) packageTooLarge() *apierror.Refusal {
	return apierror.Refuse("The file is larger than %d bytes, the largest pipeline package that is accepted.", g.cfg.MaxUploadBytes)
}

// readUploadedFile reads parts as they come until the file, and nothing after it.
func (g *gateway) readUploadedFile(r *http.Request) (*uploadedFile, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, apierror.Refuse("The request must be multipart/form-data with a file part named %s: %v.", uploadPartName, err)
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, apierror.Refuse("The form has no file part named %s.", uploadPartName)
		}
		if err != nil {
			return nil, apierror.Refuse("The form cannot be read: %v.", err)
		}
		if part.FormName() == uploadPartName && part.FileName() != "" { // without a file name it is a plain field
			return g.readPart(part, r.ContentLength)
		}
	}
}

func (g *gateway) readPart(part *multipart.Part, declared int64) (*uploadedFile, error) {
	var content bytes.Buffer
	if declared > 0 {
		content.Grow(int(min(declared, g.cfg.MaxUploadBytes+1)) + bytes.MinRead)
	}
	n, err := content.ReadFrom(io.LimitReader(part, g.cfg.MaxUploadBytes+1))
	if err != nil {
		return nil, apierror.Refuse("The file cannot be read: %v.", err)
	}
	if n > g.cfg.MaxUploadBytes {
		return nil, g.packageTooLarge()
	}
	return &uploadedFile{name: part.FileName(), content: content.Bytes()}, nil
}

// parseTags reads a JSON object of strings; absent means none.
func parseTags(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(text), &values); err != nil || values == nil {
		return nil, apierror.Refuse(`The query parameter tags must be a JSON object of strings, such as {"team":"vision"}.`)
	}
	tags := make(map[string]string, len(values))
	for key, value := range values {
		tag, ok := value.(string)
		if !ok {
			return nil, apierror.Refuse("The value of tag %q must be a string.", key)
		}
		tags[key] = tag
	}
	return tags, nil
}

func (g *gateway) writeMessage(w http.ResponseWriter, r *http.Request, message any) {
	body, err := marshalReply(message)
	if err != nil {
		g.log.Error("answer cannot be written as JSON", "route", request.InfoOf(r.Context()).Route, "error", err)
		apierror.WriteHTTP(w, r, http.StatusInternalServerError, "Internal Server Error", "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
