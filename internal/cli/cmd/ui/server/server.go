// Package server is the web server of `sluice ui`. It serves the page and the JSON for it. It only reads from the cluster,
// with the rights of the user who started it, and it refuses requests of other users.
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
	bars "github.com/sluice-ci/sluice/internal/cli/cmd/timeline/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui/page"
)

// Options are the dependencies of a server.
type Options struct {
	Cluster *cluster.Cluster
	// Now returns the current time.
	Now func() time.Time
	// Hosts are the accepted values of the header Host, with ports. They are the addresses that the user opens. A request
	// that another page causes through DNS rebinding has a different value.
	Hosts []string
	// Token must be in the first request, so that other users of the machine cannot read. NewToken returns one.
	Token string
}

// NewToken returns a random token that cannot be guessed.
func NewToken() string { return rand.Text() }

// Server handles requests.
type Server struct {
	Options

	mux *http.ServeMux
}

// New returns the handler of all paths.
func New(o Options) http.Handler {
	s := &Server{Options: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.page("index.html", "text/html; charset=utf-8", ""))
	s.mux.HandleFunc("GET /app.js", s.page("app.js", "text/javascript; charset=utf-8", ""))
	s.mux.HandleFunc("GET /view.js", s.page("view.js", "text/javascript; charset=utf-8", ""))
	s.mux.HandleFunc("GET /app.css", s.page("app.css", "text/css; charset=utf-8", draw.Style()+bars.Style()))
	s.mux.HandleFunc("GET /api/v1/runs/events", s.listEvents)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}", s.run)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/events", s.runEvents)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/result", s.result)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/graph.svg", s.graph)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/timeline.svg", s.timeline)
	s.mux.HandleFunc("GET /api/v1/runs/{namespace}/{kind}/{name}/logs", s.logs)
	return s
}

// cookie returns the name of the cookie with the token. It includes the port, because all ports of a host share their
// cookies.
func (s *Server) cookie() string {
	sum := sha256.Sum256([]byte(strings.Join(s.Hosts, " ")))
	return "sluice-" + strconv.FormatUint(uint64(sum[0])<<8|uint64(sum[1]), 16)
}

// ServeHTTP refuses requests that do not come from the page, and passes the others to their handlers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if refusal := s.refusal(r); refusal != "" {
		http.Error(w, refusal, http.StatusForbidden)
		return
	}
	if s.matches(r.URL.Query().Get("token")) {
		// The redirect removes the token from the address, so that histories and screenshots do not show it.
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
		http.Error(w, "open the address that sluice ui printed, with its token", http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) matches(token string) bool {
	return s.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}

// refusal returns why a request does not come from the page, or "" if it may. A foreign page can make a browser send requests
// to this server, but not with this Host, Origin and Sec-Fetch-Site.
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
		return "this host name is refused; open the address that sluice ui printed"
	}
	if origin := r.Header.Get("Origin"); origin != "" && !known(strings.TrimPrefix(origin, "http://")) {
		return "requests of other pages are refused"
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "" || site == "same-origin" || site == "none":
	case r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		// A link on another page may open this page, which shows nothing without its cookie.
	default:
		return "requests of other pages are refused"
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

// page responds with a file of the page, and more after it.
func (s *Server) page(name, contentType, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := page.File(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(append(text, more...)) // an error means that the browser has closed the connection
	}
}

// fail responds with an error.
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
		http.Error(w, "cannot encode the response: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the browser has closed the connection
}
