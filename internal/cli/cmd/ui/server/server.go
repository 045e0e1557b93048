// Package server is the web server of `sluice ui`: its page, and the JSON that the page is made of. It only reads, with the
// rights of whoever has started it, and answers nobody else.
package server

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui/page"
)

// Options are what a server is made of.
type Options struct {
	Cluster *cluster.Cluster
	// Now is the clock that durations are told by.
	Now func() time.Time
	// Hosts are the values of the header Host that are answered, with ports: what the user types, and nothing that another
	// page could make a browser send here.
	Hosts []string
	// Token is what the first request must have, so that no other user of the machine gets in; NewToken makes one.
	Token string
}

// NewToken returns a token that nobody can guess.
func NewToken() string { return rand.Text() }

// Server answers requests.
type Server struct {
	Options

	mux *http.ServeMux
}

// New returns the handler of everything.
func New(o Options) http.Handler {
	s := &Server{Options: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.page("index.html", "text/html; charset=utf-8", ""))
	s.mux.HandleFunc("GET /app.js", s.page("app.js", "text/javascript; charset=utf-8", ""))
	s.mux.HandleFunc("GET /view.js", s.page("view.js", "text/javascript; charset=utf-8", ""))
	s.mux.HandleFunc("GET /app.css", s.page("app.css", "text/css; charset=utf-8", draw.Style()))
	s.mux.HandleFunc("GET /api/v1/runs/events", s.listEvents)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}", s.run)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/events", s.runEvents)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/result", s.result)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/graph.svg", s.graph)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/logs", s.logs)
	return s
}

// cookie is where a browser keeps the token. The name has the host's port in it, since ports share cookies.
func (s *Server) cookie() string {
	sum := sha256.Sum256([]byte(strings.Join(s.Hosts, " ")))
	return "sluice-" + strconv.FormatUint(uint64(sum[0])<<8|uint64(sum[1]), 16)
}

// ServeHTTP refuses what does not come from the page itself, and hands on the rest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if refusal := s.refusal(r); refusal != "" {
		http.Error(w, refusal, http.StatusForbidden)
		return
	}
	if s.matches(r.URL.Query().Get("token")) {
		// The token leaves the address, so that it is not in the history and in no screenshot.
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // loopback has no TLS, so Secure would lose it
			Name:     s.cookie(),
			Value:    s.Token,
			Path:     "/",
			HttpOnly: true,
			SameSite: http.SameSiteStrictMode,
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(s.cookie()); err != nil || !s.matches(c.Value) {
		http.Error(w, "open the address that sluice ui has printed, with its token", http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) matches(token string) bool {
	return s.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}

// refusal says why a request is none of the page's own; empty when it may be. A page of somebody else can make a browser
// send requests here, but not with this Host, Origin and Sec-Fetch-Site.
func (s *Server) refusal(r *http.Request) string {
	known := func(host string) bool {
		for _, h := range s.Hosts {
			if strings.EqualFold(h, host) {
				return true
			}
		}
		return false
	}
	if !known(r.Host) {
		return "this host name is not answered; open the address that sluice ui has printed"
	}
	if origin := r.Header.Get("Origin"); origin != "" && !known(strings.TrimPrefix(origin, "http://")) {
		return "requests of other pages are not answered"
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "" || site == "same-origin" || site == "none":
	case r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		// A link that somebody has clicked leads to the page, which shows nothing without its cookie.
	default:
		return "requests of other pages are not answered"
	}
	return ""
}

// harden forbids everything that the page does not need.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// page answers with a file of the page, and more behind it.
func (s *Server) page(name, contentType, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := page.File(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(append(text, more...)) // whoever asked may have gone
	}
}

// fail answers with what went wrong, in words.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	switch {
	case apierrors.IsForbidden(err):
		status = http.StatusForbidden
	case apierrors.IsNotFound(err), errors.Is(err, errNone):
		status = http.StatusNotFound
	}
	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		http.Error(w, "the answer cannot be encoded: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever asked may have gone
}
