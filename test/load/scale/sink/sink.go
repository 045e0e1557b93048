// Package sink receives on the loopback address what a controller sends about its runs: events and traces.
package sink

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// The paths at which a Sink receives.
const (
	Events = "/events"
	Traces = "/v1/traces"
)

// Sink counts what it receives, and accepts all of it.
type Sink struct {
	server   *http.Server
	listener net.Listener

	mu     sync.Mutex
	counts Counts
}

// Counts are the requests that a Sink has received.
type Counts struct {
	Events int `json:"events"`
	Traces int `json:"traces"`
}

// Start starts a Sink on a free port.
func Start(ctx context.Context) (*Sink, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen for events: %w", err)
	}
	s := &Sink{listener: listener}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }() // it ends with Stop
	return s, nil
}

// URL returns the URL of a path.
func (s *Sink) URL(path string) string { return "http://" + s.listener.Addr().String() + path }

// ServeHTTP counts one request.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case Events:
		s.counts.Events++
	case Traces:
		s.counts.Traces++
	default:
		http.NotFound(w, r)
	}
}

// Counts returns what has arrived so far.
func (s *Sink) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Stop stops the Sink.
func (s *Sink) Stop() error { return s.server.Close() }
