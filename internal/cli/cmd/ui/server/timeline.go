package server

import (
	"mime"
	"net/http"

	"github.com/sluice-ci/sluice/internal/cli/cmd/timeline/draw"
	"github.com/sluice-ci/sluice/internal/cli/timelines"
)

// timeline responds with the timeline of a run: as an image to save, or with the query inline for the page, which has its styles.
func (s *Server) timeline(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.read(r)
	if err != nil {
		fail(w, err)
		return
	}
	span, err := timelines.Read(r.Context(), s.Cluster, snapshot, s.Now())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	if r.URL.Query().Has("inline") {
		_, _ = w.Write([]byte(draw.Inline(span))) //nolint:gosec // draw escapes every text, and the page reads it as XML without scripts
		return
	}
	// The image contains its styles, and needs nothing else.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Content-Disposition",
		mime.FormatMediaType("attachment", map[string]string{"filename": snapshot.Run.Name() + "-timeline.svg"}))
	_, _ = w.Write([]byte(draw.SVG(span))) //nolint:gosec // as above, and nothing runs in a download
}
