package mlflow

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/gen/mlflow"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/marshal"
	"github.com/penstock/penstock/gateway/metadata"
	"github.com/penstock/penstock/gateway/request"
	"github.com/penstock/penstock/gateway/streams"
)

const (
	filesPrefix = "/api/2.0/mlflow-artifacts/"
	filesPath   = filesPrefix + "artifacts"
	fileRoute   = filesPath + "/{path}"
)

// notServed are the ways of bringing large files in parts, which clients use only where serverInfo says so.
var notServed = []string{"mpu/", "presigned/"}

// files passes the files of runs and models on, both ways, as they come. At most limits.MaxFileReads and
// limits.MaxFileWrites are in work at once.
type files struct {
	pipe          streams.Pipe
	headers       *metadata.Headers
	client        mlflow.ArtifactServiceClient
	reads, writes *admission.Slots
}

func newFiles(stopping context.Context, conn *grpc.ClientConn, headers *metadata.Headers, log *slog.Logger) *files {
	return &files{
		pipe:    streams.Pipe{Stopping: stopping, Log: log, WriteError: writeError},
		headers: headers,
		client:  mlflow.NewArtifactServiceClient(marshal.UnparsedAnswers{ClientConn: conn}),
		reads:   admission.NewSlots(limits.MaxFileReads, "reads of MLflow's files"),
		writes:  admission.NewSlots(limits.MaxFileWrites, "writes of MLflow's files"),
	}
}

// serve answers what is below filesPrefix.
func (f *files) serve(w http.ResponseWriter, r *http.Request) {
	escaped, _ := strings.CutPrefix(r.URL.EscapedPath(), filesPrefix)
	for _, prefix := range notServed {
		if strings.HasPrefix(escaped, prefix) {
			write(w, r, http.StatusNotImplemented, "NOT_IMPLEMENTED",
				"Files are not brought in parts here: send each whole, with PUT "+fileRoute+".")
			return
		}
	}
	info := request.InfoOf(r.Context())
	if strings.TrimSuffix(escaped, "/") == "artifacts" && r.Method == http.MethodGet {
		info.Route = filesPath
		f.list(w, r)
		return
	}
	escaped, isFile := strings.CutPrefix(escaped, "artifacts/")
	handle := map[string]func(http.ResponseWriter, *http.Request, string){
		http.MethodGet: f.read, http.MethodPut: f.write, http.MethodDelete: f.delete}[r.Method]
	if !isFile || handle == nil {
		writeNoRoute(w, r, http.StatusNotFound)
		return
	}
	info.Route = fileRoute
	if r.Method == http.MethodDelete {
		escaped = strings.TrimSuffix(escaped, "/") // of a directory
	}
	path, err := filePath(escaped)
	if err != nil {
		writeError(w, r, err)
		return
	}
	handle(w, r, path)
}

// list answers for a directory, or the root.
func (f *files) list(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		writeError(w, r, status.Errorf(codes.InvalidArgument, "The query string is malformed: %v.", err))
		return
	}
	path := strings.TrimSuffix(query.Get("path"), "/")
	if path != "" {
		path, err = checkedPath(path)
	}
	var answer proto.Message
	if err == nil {
		answer, err = f.client.ListArtifactFiles(f.headers.Outgoing(r), &mlflow.ListArtifactFilesRequest{Path: path})
	}
	writeAnswer(w, r, answer, err)
}

func (f *files) delete(w http.ResponseWriter, r *http.Request, path string) {
	answer, err := f.client.DeleteArtifact(f.headers.Outgoing(r), &mlflow.DeleteArtifactRequest{Path: path})
	writeAnswer(w, r, answer, err)
}

func writeAnswer(w http.ResponseWriter, r *http.Request, answer proto.Message, err error) {
	var body []byte
	if err == nil {
		body, err = marshal.MLflow.Marshal(answer)
	}
	if err != nil {
		writeError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// read answers with the file. It is never a web page of this address, whatever a run has put there.
func (f *files) read(w http.ResponseWriter, r *http.Request, path string) {
	release, err := f.reads.TryAcquire(request.InfoOf(r.Context()).Client)
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer release()
	ctx, cancel := f.pipe.Context(f.headers.Outgoing(r))
	defer cancel()
	stream, err := f.client.ReadArtifact(ctx, &mlflow.ReadArtifactRequest{Path: path})
	if err != nil {
		f.pipe.Fail(w, r, err, false)
		return
	}
	var size *int64
	next := func() ([]byte, error) {
		chunk, err := stream.Recv()
		if chunk != nil && chunk.SizeBytes != nil {
			size = chunk.SizeBytes
		}
		return chunk.GetData(), err
	}
	begin := func() io.Writer {
		header := w.Header()
		header.Set("Content-Type", "application/octet-stream")
		header.Set("Content-Disposition", attachment(path))
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-cache, private")
		if size != nil {
			header.Set("Content-Length", strconv.FormatInt(*size, 10))
		}
		return w
	}
	f.pipe.Copy(w, r, next, begin, false)
}

// attachment names the file as the last part of its path, so that a browser saves it under that name.
func attachment(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if value := mime.FormatMediaType("attachment", map[string]string{"filename": name}); value != "" {
		return value
	}
	return "attachment"
}

// write answers with 200 and nothing, once the server has the whole file.
func (f *files) write(w http.ResponseWriter, r *http.Request, path string) {
	release, err := f.writes.TryAcquire(request.InfoOf(r.Context()).Client)
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer release()
	if failed := request.BoundStream(w, r, limits.MaxFileBytes); failed != nil {
		writeError(w, r, failed.Status())
		return
	}
	ctx, cancel := f.pipe.Context(f.headers.Outgoing(r))
	defer cancel() // where the body broke off, this is how the server learns of it
	stream, err := f.client.WriteArtifact(ctx)
	if err == nil {
		err = sendFile(stream, r.Body, path)
	}
	if err != nil {
		f.pipe.Fail(w, r, err, false)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
}

type fileStream = grpc.ClientStreamingClient[mlflow.WriteArtifactRequest, mlflow.WriteArtifactResponse]

// sendFile returns the error of the RPC, or that the body was not whole.
func sendFile(stream fileStream, body io.Reader, path string) error {
	begin := &mlflow.WriteArtifactRequest{Part: &mlflow.WriteArtifactRequest_Path{Path: path}}
	buffer := make([]byte, limits.FileChunkBytes)
	for sent := stream.Send(begin); sent == nil; {
		n, err := fill(body, buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			return status.Error(codes.InvalidArgument, "The request body broke off: "+err.Error())
		}
		part := &mlflow.WriteArtifactRequest{Last: err != nil}
		if n > 0 {
			part.Part = &mlflow.WriteArtifactRequest_Data{Data: buffer[:n]}
		}
		if sent = stream.Send(part); part.Last {
			break
		}
	}
	_, err := stream.CloseAndRecv() // also tells why nothing more could be sent
	return err
}

// fill reads until the buffer is full. Only io.EOF itself is an end: a body that breaks off is io.ErrUnexpectedEOF.
func fill(body io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = body.Read(buffer[n:])
		n += more
	}
	return n, err
}
