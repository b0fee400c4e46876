// Package upload takes pipeline packages as multipart forms.
package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/apierror"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
)

// PartName is the name of the part of the form that is the file.
const PartName = "uploadfile"

// File is the file part of a multipart form.
type File struct {
	Name    string
	Content []byte
}

// Call makes the RPC from the file and the query, which carries all options. What it returns is the answer: a message of
// the API, or what encoding/json can write. An apierror.Refusal is answered as it stands, other errors as those of RPCs.
type Call func(ctx context.Context, file File, query url.Values, tags map[string]string) (any, error)

// Uploads passes packages on to the server. Constant after New; safe for concurrent use.
type Uploads struct {
	client   penstock.PackageUploadServiceClient
	headers  *metadata.Headers
	maxBytes int64
	log      *slog.Logger
}

// New takes packages of up to maxBytes.
func New(conn grpc.ClientConnInterface, headers *metadata.Headers, maxBytes int64, log *slog.Logger) *Uploads {
	return &Uploads{penstock.NewPackageUploadServiceClient(conn), headers, maxBytes, log}
}

// Pipeline is the Call that makes a new pipeline of the package.
func (u *Uploads) Pipeline(ctx context.Context, file File, query url.Values, tags map[string]string) (any, error) {
	return u.client.UploadPipeline(ctx, &penstock.UploadPipelineRequest{
		FileName:      file.Name,
		Content:       file.Content,
		Name:          query.Get("name"),
		DisplayName:   query.Get("display_name"),
		Description:   query.Get("description"),
		Namespace:     query.Get("namespace"),
		Tags:          tags,
		CodeSourceUrl: query.Get("code_source_url"),
	})
}

// PipelineVersion is the Call that makes a version of the pipeline that the query parameter pipelineid names.
func (u *Uploads) PipelineVersion(ctx context.Context, file File, query url.Values,
	tags map[string]string) (any, error) {
	pipelineID := query.Get("pipelineid") // the spelling of the API
	if pipelineID == "" {
		return nil, apierror.Refuse("The query parameter pipelineid is missing: it says which pipeline gets the version.")
	}
	return u.client.UploadPipelineVersion(ctx, &penstock.UploadPipelineVersionRequest{
		PipelineId:    pipelineID,
		FileName:      file.Name,
		Content:       file.Content,
		Name:          query.Get("name"),
		DisplayName:   query.Get("display_name"),
		Description:   query.Get("description"),
		Tags:          tags,
		CodeSourceUrl: query.Get("code_source_url"),
	})
}

// Handler answers a POST of a form. Of the form it reads the file and nothing after it.
func (u *Uploads) Handler(call Call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			apierror.WriteHTTP(w, r, http.StatusNotImplemented,
				"Packages are uploaded with POST; "+limits.Shortened(r.Method)+" is not supported here.", "")
			return
		}
		reply, err := u.upload(w, r, call)
		var refused *apierror.Refusal
		if errors.As(err, &refused) {
			apierror.WriteHTTP(w, r, refused.HTTPCode, refused.Message, "")
			return
		}
		if err != nil {
			apierror.WriteHTTPFrom(w, r, err)
			return
		}
		u.writeMessage(w, r, reply)
	}
}

func (u *Uploads) upload(w http.ResponseWriter, r *http.Request, call Call) (any, error) {
	if failed := request.BoundBody(w, r, u.maxBytes+limits.UploadEnvelopeBytes); failed != nil {
		return nil, u.packageTooLarge()
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, apierror.Refuse("The query string is malformed: %v.", err)
	}
	tags, err := parseTags(query.Get("tags"))
	if err != nil {
		return nil, err
	}
	file, err := u.readUploadedFile(r)
	if err != nil {
		if bodyErr := request.InfoOf(r.Context()).BodyError(); bodyErr != nil {
			if bodyErr.HTTPCode == http.StatusRequestEntityTooLarge {
				return nil, u.packageTooLarge()
			}
			return nil, &apierror.Refusal{HTTPCode: bodyErr.HTTPCode, Message: bodyErr.Message}
		}
		return nil, err
	}
	return call(u.headers.Outgoing(r), *file, query, tags)
}

func (u *Uploads) packageTooLarge() *apierror.Refusal {
	return apierror.Refuse("The file is larger than %d bytes, the largest pipeline package that is accepted.", u.maxBytes)
}

// readUploadedFile reads parts as they come until the file, and nothing after it.
func (u *Uploads) readUploadedFile(r *http.Request) (*File, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, apierror.Refuse("The request must be multipart/form-data with a file part named %s: %v.", PartName, err)
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, apierror.Refuse("The form has no file part named %s.", PartName)
		}
		if err != nil {
			return nil, apierror.Refuse("The form cannot be read: %v.", err)
		}
		if part.FormName() == PartName && part.FileName() != "" { // without a file name it is a plain field
			return u.readPart(part)
		}
	}
}

// readPart takes room as the content comes, not as much as was declared, of which nothing may ever come.
func (u *Uploads) readPart(part *multipart.Part) (*File, error) {
	var content bytes.Buffer
	n, err := content.ReadFrom(io.LimitReader(part, u.maxBytes+1))
	if err != nil {
		return nil, apierror.Refuse("The file cannot be read: %v.", err)
	}
	if n > u.maxBytes {
		return nil, u.packageTooLarge()
	}
	return &File{Name: part.FileName(), Content: content.Bytes()}, nil
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

func (u *Uploads) writeMessage(w http.ResponseWriter, r *http.Request, message any) {
	body, err := marshalReply(message)
	if err != nil {
		u.log.Error("answer cannot be written as JSON", "route", request.InfoOf(r.Context()).Route, "error", err)
		apierror.WriteHTTP(w, r, http.StatusInternalServerError, "Internal Server Error", "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// marshalReply writes a message of the API, or one of v1beta1.
func marshalReply(reply any) ([]byte, error) {
	if message, ok := reply.(proto.Message); ok {
		return marshal.JSON.Marshal(message)
	}
	return json.Marshal(reply)
}
