// Package service serves RemoteContent to the server beside it.
package service

import (
	"context"
	"errors"
	"io"
	"mime"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/launcher/content"
	"github.com/penstock/penstock/launcher/failure"
	pb "github.com/penstock/penstock/launcher/gen/content"
	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/probe"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

type service struct {
	pb.UnimplementedRemoteContentServer
	settings *settings.Settings
	opener   *stores.Opener
	writes   chan struct{}
}

var codeOf = map[failure.Kind]codes.Code{
	failure.Invalid:      codes.InvalidArgument,
	failure.NotFound:     codes.NotFound,
	failure.NoBucket:     codes.FailedPrecondition,
	failure.Settings:     codes.FailedPrecondition,
	failure.Precondition: codes.FailedPrecondition,
	failure.Denied:       codes.PermissionDenied,
	failure.Unavailable:  codes.Unavailable,
}

// rpcError is the error of an RPC; nil of nil.
func rpcError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return status.Error(codes.Canceled, err.Error())
	}
	code, known := codeOf[failure.KindOf(err)]
	if !known {
		code = codes.Unavailable
	}
	return status.Error(code, err.Error())
}

// at takes what a URI names, and opens its bucket.
func (s *service) at(ctx context.Context, text string) (uri.Location, stores.Bucket, error) {
	l, err := uri.Parse(text)
	if err != nil {
		return l, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	bucket, err := s.opener.Open(ctx, l)
	return l, bucket, rpcError(err)
}

func kindOf(kind content.Kind) pb.Kind {
	switch kind {
	case content.File:
		return pb.Kind_FILE
	case content.Folder:
		return pb.Kind_FOLDER
	}
	return pb.Kind_OTHER
}

func (s *service) Stat(ctx context.Context, request *pb.StatRequest) (*pb.StatResponse, error) {
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return nil, err
	}
	found, err := content.Stat(ctx, bucket, l)
	if err != nil {
		return nil, rpcError(err)
	}
	response := &pb.StatResponse{Kind: kindOf(found.Kind), Version: found.Version, Sha256: found.SHA256, MediaType: found.MediaType}
	if found.Kind == content.File {
		response.SizeBytes = found.SizeBytes
	}
	return response, nil
}

func (s *service) Read(request *pb.ReadRequest, stream pb.RemoteContent_ReadServer) error {
	ctx := stream.Context()
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return err
	}
	if request.OffsetBytes < 0 || request.LimitBytes < 0 {
		return status.Errorf(codes.InvalidArgument, "the range of %s begins at %d and has %d bytes; neither may be below 0", l, request.OffsetBytes, request.LimitBytes)
	}
	offset, end := request.OffsetBytes, int64(-1)
	if request.LimitBytes > 0 {
		end = offset + request.LimitBytes
	}
	version := request.Version
	buffer := make([]byte, limits.ServiceChunkBytes)
	for fruitless := 0; ; {
		r := stores.Range{OffsetBytes: offset, Version: version}
		if end >= 0 {
			r.LimitBytes = end - offset
		}
		object, err := bucket.Get(ctx, l.Key, r)
		if err != nil {
			return rpcError(err)
		}
		version = object.Version // a body that is taken up must be of the same object
		if end < 0 || end > object.SizeBytes {
			end = object.SizeBytes
		}
		n, readErr, sendErr := send(stream, object.Body, buffer, end-offset)
		object.Body.Close()
		if offset += n; sendErr != nil || offset >= end {
			return sendErr
		}
		if n > 0 {
			fruitless = 0
		}
		if fruitless++; fruitless > limits.ResumeRetries {
			return rpcError(bucket.Fails("GetObject", l.Key, readErr))
		}
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-time.After(limits.ResumePause):
		}
	}
}

// send passes on up to limit bytes.
func send(stream pb.RemoteContent_ReadServer, body io.Reader, buffer []byte, limit int64) (sent int64, readErr, sendErr error) {
	for sent < limit {
		n, err := io.ReadFull(body, buffer[:min(int64(len(buffer)), limit-sent)])
		if n > 0 {
			if sendErr := stream.Send(&pb.ReadResponse{Data: buffer[:n]}); sendErr != nil {
				return sent, nil, sendErr
			}
			sent += int64(n)
		}
		if err != nil {
			return sent, err, nil
		}
	}
	return sent, nil, nil
}

func (s *service) Write(stream pb.RemoteContent_WriteServer) error {
	ctx := stream.Context()
	select {
	case s.writes <- struct{}{}:
		defer func() { <-s.writes }()
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return err
	}
	if l.Key == "" {
		return status.Errorf(codes.InvalidArgument, "%s cannot be written: a bucket is no object", l)
	}
	writer := bucket.NewWriter(ctx, l.Key, stores.Put{MediaType: mediaType(l.Key)})
	for {
		if _, err := writer.Write(request.Data); err != nil {
			writer.Abort()
			return rpcError(err)
		}
		if request.Commit {
			if _, err := writer.Commit(); err != nil {
				writer.Abort()
				return rpcError(err)
			}
			return stream.SendAndClose(&pb.WriteResponse{})
		}
		if request, err = stream.Recv(); err != nil {
			writer.Abort()
			if errors.Is(err, io.EOF) {
				return status.Errorf(codes.InvalidArgument, "%s is not written: the stream ended without commit", l)
			}
			return err
		}
	}
}

func mediaType(key string) string {
	if dot := strings.LastIndexByte(key, '.'); dot > strings.LastIndexByte(key, '/') {
		return mime.TypeByExtension(key[dot:])
	}
	return ""
}

func (s *service) Remove(ctx context.Context, request *pb.RemoveRequest) (*pb.RemoveResponse, error) {
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return nil, err
	}
	var keep []uri.Location
	for _, text := range request.Keep {
		kept, err := uri.Parse(text)
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		if kept.BucketURI() == l.BucketURI() {
			keep = append(keep, kept)
		}
	}
	removed, err := content.Remove(ctx, bucket, l, keep, int(request.Limit))
	if err != nil {
		return nil, rpcError(err)
	}
	return &pb.RemoveResponse{RemovedObjects: removed.Objects, RemovedBytes: removed.Bytes, More: removed.More}, nil
}

func (s *service) List(ctx context.Context, request *pb.ListRequest) (*pb.ListResponse, error) {
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return nil, err
	}
	entries, next, err := content.List(ctx, bucket, l, request.Recursive, request.PageToken, int(request.Limit))
	if err != nil {
		return nil, rpcError(err)
	}
	response := &pb.ListResponse{NextPageToken: next}
	for _, entry := range entries {
		response.Entries = append(response.Entries, &pb.ListResponse_Entry{Name: strings.ToValidUTF8(entry.Name, "\uFFFD"), Kind: kindOf(entry.Kind),
			SizeBytes: entry.SizeBytes, ModifiedAtUs: entry.ModifiedUS})
	}
	return response, nil
}

func (s *service) Sign(ctx context.Context, request *pb.SignRequest) (*pb.SignResponse, error) {
	l, bucket, err := s.at(ctx, request.Uri)
	if err != nil {
		return nil, err
	}
	lasts := time.Duration(request.Seconds) * time.Second
	if request.Seconds < 1 || lasts > limits.SignLongest {
		return nil, status.Errorf(codes.InvalidArgument, "a signed URL is good for 1 to %d seconds, not for %d", int64(limits.SignLongest/time.Second), request.Seconds)
	}
	signing := stores.Signing{Lasts: lasts, MediaType: request.MediaType}
	if request.FileName != "" {
		signing.Disposition = mime.FormatMediaType("attachment", map[string]string{"filename": request.FileName})
	}
	url, err := bucket.Sign(ctx, l.Key, signing)
	return &pb.SignResponse{Url: url}, rpcError(err)
}

func (s *service) Check(ctx context.Context, request *pb.CheckRequest) (*pb.CheckResponse, error) {
	l, err := uri.ParseRoot(request.Uri)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	response := &pb.CheckResponse{}
	response.Identity, err = probe.Run(ctx, s.opener, l, func(call probe.Call) {
		made := &pb.CheckResponse_Call{Name: call.Name, Micros: call.Took.Microseconds()}
		if call.Err != nil {
			made.Error = call.Err.Error()
			made.IsUnavailable = failure.Is(call.Err, failure.Unavailable)
		}
		response.Calls = append(response.Calls, made)
	})
	if err != nil && len(response.Calls) == 0 {
		return nil, rpcError(err)
	}
	return response, nil
}

func (s *service) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{DefaultPipelineRoot: s.settings.DefaultPipelineRoot, Prefixes: s.settings.Prefixes()}, nil
}
