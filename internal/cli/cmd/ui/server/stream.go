package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// stream sends events to a browser (text/event-stream). It is safe for concurrent use.
type stream struct {
	mu      sync.Mutex
	to      http.ResponseWriter
	flusher http.Flusher
}

func newStream(w http.ResponseWriter) (*stream, bool) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "cannot send events over this connection", http.StatusInternalServerError)
		return nil, false
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flusher.Flush()
	return &stream{to: w, flusher: flusher}, true
}

// send sends one event. Its data is JSON, which has no line feeds.
func (s *stream) send(event string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("cannot encode event %q: %w", event, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.to, "event: %s\ndata: %s\n\n", event, text); err != nil {
		return err
	}
	s.flusher.Flush()
	return nil
}

// end sends the last event, with the error if there is one. Without this event a browser would connect again.
func (s *stream) end(err error) {
	message := ""
	if err != nil {
		message = err.Error()
	}
	_ = s.send("end", map[string]string{"error": message}) // an error means that the browser has closed the connection
}
