// Package upstream connects to the Penstock server that stands behind the gateway.
package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/guard"
	"github.com/penstock/penstock/gateway/limits"
)

// Dial returns at once; the connection to the address, host:port or unix:/path, is made, and made again, in the
// background. Its calls are bounded in size, nesting and time, and say in words for users when the server is away. Fails
// on an address that cannot be one. The version is what the server is told of its client.
func Dial(address, version string) (*grpc.ClientConn, error) {
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
		grpc.WithUnaryInterceptor(callUnary),
		grpc.WithStreamInterceptor(openStream),
	)
}

// callUnary checks what the server could not even read, and ends each call that takes too long.
func callUnary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if err := guard.CheckNesting(request); err != nil {
		return err
	}
	return explainUnavailable(conn, within(ctx, limits.UnaryTimeout, func(ctx context.Context) error {
		return invoke(ctx, method, request, reply, conn, options...)
	}))
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
	return &explainedStream{stream, conn}, nil
}

type explainedStream struct {
	grpc.ClientStream
	conn *grpc.ClientConn
}

func (s *explainedStream) RecvMsg(message any) error {
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
