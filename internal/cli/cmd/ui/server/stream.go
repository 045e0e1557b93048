package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// stream sends events to a browser (text/event-stream). It may be used by several goroutines.
type stream struct {
	mu      sync.Mutex
	to      http.ResponseWriter
	flusher http.Flusher
}

func newStream(w http.ResponseWriter) (*stream, bool) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "events cannot be sent over this connection", http.StatusInternalServerError)
		return nil, false
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flusher.Flush()
	return &stream{to: w, flusher: flusher}, true
}

// send sends one event; its data is JSON, which has no line feeds.
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

// end says that no more events will come, and why if something went wrong. A browser would ask again otherwise.
func (s *stream) end(err error) {
	message := ""
	if err != nil {
		message = err.Error()
	}
	_ = s.send("end", map[string]string{"error": message}) // whoever listened may have gone
}
