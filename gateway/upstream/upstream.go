// Package upstream connects to the Penstock server that stands behind the gateway.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/penstock/penstock/gateway/admission"
	"github.com/penstock/penstock/gateway/gen/kfp"
	"github.com/penstock/penstock/gateway/gen/penstock"
	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/limits"
	"github.com/penstock/penstock/gateway/request"
)

// AnswerBytesHeader is how the server says, before it sends a large answer, how large it is.
const AnswerBytesHeader = "penstock-answer-bytes"

// Methods that tell how the server is, and are answered whatever else is asked.
var healthMethods = []string{kfp.HealthzService_GetHealthz_FullMethodName,
	penstock.MetricsExpositionService_GetMetrics_FullMethodName}

// Dial returns at once; the connection to the address, host:port or unix:/path, is made, and made again, in the
// background. Its calls are bounded in number, size, nesting and time, and say in words for users when the server is
// away. Large answers take memory of the request.Info of their context. Fails on an address that cannot be one. The
// version is what the server is told of its client.
func Dial(address, version string) (*grpc.ClientConn, error) {
	slots := callSlots{admission.NewSlots(limits.MaxCalls, "requests"), admission.NewSlots(limits.MaxHealthCalls, "health checks")}
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("penstock-gateway/"+version),
		// Windows of a fixed size: finding a better one would cost a ping with nearly every answer.
		grpc.WithStaticStreamWindowSize(limits.StreamWindowBytes),
		grpc.WithStaticConnWindowSize(limits.ConnectionWindowBytes),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limits.MaxRPCMessageBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: limits.ReconnectDelayShortest, Multiplier: 1.6, Jitter: 0.2, MaxDelay: limits.ReconnectDelayLongest,
			},
			MinConnectTimeout: limits.ConnectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: limits.KeepaliveInterval, Timeout: limits.KeepaliveTimeout}),
		grpc.WithUnaryInterceptor(slots.callUnary),
		grpc.WithStreamInterceptor(openStream),
	)
}

// callSlots bound the calls in work. A request has come in whole when it takes one, and gives it back before it is
// answered, so that none is held by a slow client.
type callSlots struct {
	calls, health *admission.Slots
}

// callUnary checks what the server could not even read, and ends each call that takes too long.
func (s *callSlots) callUnary(ctx context.Context, method string, message, reply any, conn *grpc.ClientConn,
	_ grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if err := guard.CheckNesting(message); err != nil {
		return err
	}
	slots := s.calls
	if slices.Contains(healthMethods, method) {
		slots = s.health
	}
	release, err := slots.TryAcquire(request.InfoOf(ctx).Client)
	if err != nil {
		return err
	}
	defer release()
	return within(ctx, limits.UnaryTimeout, func(ctx context.Context) error {
		return invoke(ctx, method, message, reply, conn, options...)
	})
}

// invoke makes a unary call as a stream. So a large answer stays with the server until there is memory for it.
func invoke(ctx context.Context, method string, message, reply any, conn *grpc.ClientConn,
	options ...grpc.CallOption) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{}, method, options...)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(message); err != nil && !errors.Is(err, io.EOF) { // at the end, RecvMsg tells the cause
		return err
	}
	header, _ := stream.Header()
	if sizes := header.Get(AnswerBytesHeader); len(sizes) > 0 {
		bytes, _ := strconv.ParseInt(sizes[0], 10, 64)
		if err := request.InfoOf(ctx).Memory.Grow(ctx, bytes*limits.AnswerMemoryFactor); err != nil {
			return status.Error(codes.Unavailable,
				"The gateway has no memory for the answer, as others fill it (--memory_budget); try again.")
		}
	}
	return stream.RecvMsg(reply)
}

// within ends call after limit. The server is told by the end of the call, not by a deadline before it, which would
// cost it a timer and the wake-up of a thread for each call.
func within(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var late atomic.Bool
	timer := time.AfterFunc(limit, func() {
		late.Store(true)
		cancel()
	})
	defer timer.Stop()
	err := call(ctx)
	if late.Load() && status.Code(err) == codes.Canceled {
		return status.Errorf(codes.DeadlineExceeded,
			"The server did not answer within %v; what was asked may or may not be done.", limit)
	}
	return err
}

func openStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, options...)
	if err != nil {
		return nil, explainUnavailable(conn, err)
	}
	return &explainedStream{ClientStream: stream, conn: conn, isLong: desc.ServerStreams}, nil
}

type explainedStream struct {
	grpc.ClientStream
	conn   *grpc.ClientConn
	isLong bool // several messages may come
	first  *emptypb.Empty
}

// Header of a stream also waits for the first message, so that a call which fails at once has no header either: its
// answer is then an error like any other.
func (s *explainedStream) Header() (grpcmetadata.MD, error) {
	header, err := s.ClientStream.Header()
	if err != nil || !s.isLong {
		return header, explainUnavailable(s.conn, err)
	}
	first := &emptypb.Empty{} // keeps the fields of any message
	if err := s.RecvMsg(first); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else if err == nil {
		s.first = first
	}
	return header, nil
}

func (s *explainedStream) RecvMsg(message any) error {
	if first := s.first; first != nil {
		s.first = nil
		return proto.Unmarshal(first.ProtoReflect().GetUnknown(), message.(proto.Message))
	}
	return explainUnavailable(s.conn, s.ClientStream.RecvMsg(message))
}

// explainUnavailable replaces the text of a broken transport, which speaks to Go programmers, by one for users.
// What the server itself answered is left alone.
func explainUnavailable(conn *grpc.ClientConn, err error) error {
	if status.Code(err) != codes.Unavailable {
		return err
	}
	cause := status.Convert(err)
	if len(cause.Details()) > 0 {
		return err
	}
	switch text := cause.Message(); {
	case strings.Contains(text, "connection error:") || strings.Contains(text, "name resolver error:"):
		return status.Error(codes.Unavailable, fmt.Sprintf(
			"The Penstock server at %s cannot be reached; it may be starting. Nothing was done: try again. (%s)",
			conn.Target(), lastClause(text)))
	case conn.GetState() != connectivity.Ready:
		return status.Error(codes.Unavailable, fmt.Sprintf(
			"The connection to the Penstock server at %s broke before it answered; what was asked may or may not be done.",
			conn.Target()))
	}
	return err
}

// lastClause gives "connection refused" of a chain of explanations.
func lastClause(text string) string {
	text = strings.TrimRight(text, `"`)
	return strings.TrimSpace(text[strings.LastIndex(text, ":")+1:])
}
