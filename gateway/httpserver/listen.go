package httpserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// Listen takes the port of address, or, unless it is negative, the socket fd that the parent process has opened: then
// clients can wait in its queue while the gateway is started again, and the parent knows the port. Its errors name the
// flag and what can be done.
func Listen(address string, fd int) (net.Listener, error) {
	if fd >= 0 {
		file := os.NewFile(uintptr(fd), "listen_fd")
		defer file.Close()
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("--listen_fd %d is not a listening socket: %w", fd, err)
		}
		return listener, nil
	}
	network := "tcp"
	if path, isPath := strings.CutPrefix(address, "unix:"); isPath {
		if err := freePath(path); err != nil {
			return nil, err
		}
		// No other user may ever connect. Nothing else of the process makes files yet.
		defer syscall.Umask(syscall.Umask(0o177))
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, explainListenError(address, err)
	}
	return listener, nil
}

// freePath removes the socket of a gateway that has died.
func freePath(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot listen on unix:%s: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("cannot listen on unix:%s: a file that is no socket lies there. Choose another with --listen", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fmt.Errorf("cannot listen on unix:%s: another program listens on it. Choose another with --listen", path)
	}
	return os.Remove(path)
}

func explainListenError(address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is already in use: stop the program that holds it (`ss -ltnp 'sport = :%s'` names it), "+
			"or choose another with --listen host:port", port, port)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no permission to listen on port %s: choose one above 1023 with --listen host:port", port)
	}
	return fmt.Errorf("cannot listen on %s: %w. Choose another address with --listen host:port", address, err)
}

// WriteReadyFile tells other programs the address, whole or not at all. An empty path is nobody to tell.
func WriteReadyFile(path string, address net.Addr) error {
	if path == "" {
		return nil
	}
	port := 0
	if tcp, ok := address.(*net.TCPAddr); ok {
		port = tcp.Port
	}
	text := address.String()
	if address.Network() == "unix" {
		text = "unix:" + text
	}
	body, _ := json.Marshal(map[string]any{"http_address": text, "http_port": port, "pid": os.Getpid()})
	part := path + ".part"
	if err := os.WriteFile(part, append(body, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
