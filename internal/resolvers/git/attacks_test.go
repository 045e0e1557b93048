package git

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// hashed returns salt and hash of a name in known_hosts.
func hashed(name string) string {
	salt := []byte("01234567890123456789")
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// TestHostileRepositories: what a repository has cannot lead out of it, and is not read beyond the limits.
func TestHostileRepositories(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "hostile.git")
	repository.Write("file.yaml", task)
	repository.Write("folder/file.yaml", task)
	repository.Write("large.yaml", strings.Repeat("a", resolvers.MaxContent+1))
	repository.Write("lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("0", 64)+"\nsize 12\n")
	repository.Link("absolute", "/etc/passwd")
	repository.Link("folder/out", "../../../../etc/passwd")
	repository.Link("loop", "loop")
	repository.Link("chain0", "file.yaml")
	for i := range maxLinks {
		repository.Link(fmt.Sprintf("chain%d", i+1), fmt.Sprintf("chain%d", i))
	}
	repository.Link("up", "folder/../file.yaml")
	inner := gittest.New(t, root, "inner.git")
	inner.Write("file.yaml", task)
	inner.Commit()
	repository.Git("submodule", "--quiet", "add", inner.Path, "module")
	repository.Commit()
	server := gittest.Serve(t, root)
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})
	for _, filters := range []bool{false, true} {
		repository.Configure("uploadpack.allowFilter", fmt.Sprint(filters))
		cases := map[string]struct {
			reason string
			path   string
			// err is in the message; empty: the file is read.
			err string
		}{
			"Missing": {
				reason: "What is missing is named.",
				path:   "folder/none.yaml",
				err:    `the repository has no "folder/none.yaml"`,
			},
			"MissingFolder": {
				reason: "The part that is missing is named.",
				path:   "none/file.yaml",
				err:    `the repository has no "none"`,
			},
			"Folder": {
				reason: "A folder is no definition.",
				path:   "folder",
				err:    "is a folder",
			},
			"FileAsFolder": {
				reason: "A file has no files.",
				path:   "file.yaml/a",
				err:    "is a file, not a folder",
			},
			"Large": {
				reason: "A file beyond the limit is not read.",
				path:   "large.yaml",
				err:    "more than 1048576 bytes",
			},
			"LFS": {
				reason: "A pointer is no definition.",
				path:   "lfs.yaml",
				err:    "git LFS",
			},
			"AbsoluteLink": {
				reason: "No file of the machine is read.",
				path:   "absolute",
				err:    "leads out of the repository",
			},
			"LinkOut": {
				reason: "No file of the machine is read.",
				path:   "folder/out",
				err:    "leads out of the repository",
			},
			"Loop": {
				reason: "A link to itself ends.",
				path:   "loop",
				err:    "more than 8 symbolic links",
			},
			"LongChain": {
				reason: "Links have a limit.",
				path:   "chain8",
				err:    "more than 8 symbolic links",
			},
			"Chain": {
				reason: "Up to the limit, links are followed.",
				path:   "chain7",
			},
			"LinkUp": {
				reason: "A link within the repository.",
				path:   "up",
			},
			"Submodule": {
				reason: "Another repository is not fetched.",
				path:   "module/file.yaml",
				err:    "is a submodule",
			},
			"Traversal": {
				reason: "The path is not one of the machine.",
				path:   "folder/../../etc/passwd",
				err:    `".."`,
			},
			"GitFolder": {
				reason: "The folder of git is not part of a commit.",
				path:   ".GIT/config",
				err:    ".git",
			},
			"Control": {
				reason: "No such byte is in a path.",
				path:   "file\x00.yaml",
				err:    "control characters",
			},
		}
		for name, tc := range cases {
			t.Run(fmt.Sprintf("Filter=%v/%s", filters, name), func(t *testing.T) {
				got, err := resolve(t, network, request(t, nil, nil, "url=https://"+gittest.Host+"/hostile.git", "revision=main",
					"pathInRepo="+tc.path))
				switch {
				case tc.err == "" && (err != nil || string(got.Content) != task):
					t.Errorf("%s\nwant the file, got %v", tc.reason, err)
				case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
					t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
				}
			})
		}
	}
}

// TestLargeRepository: a repository beyond the limit of bytes is given up at the limit, and the message says what to do.
func TestLargeRepository(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "large.git")
	repository.Write("file.yaml", task)
	noise := make([]byte, resolvers.MaxContent+2)
	for i := range 3 {
		if _, err := rand.Read(noise); err != nil {
			t.Fatal(err)
		}
		repository.Write(fmt.Sprintf("noise%d", i), string(noise))
	}
	repository.Commit()
	server := gittest.Serve(t, root)
	r := New(Options{Network: gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})})
	r.maxPack = 2 << 20
	fetch := func() (*resolvers.Resource, error) {
		plan, err := r.Prepare(t.Context(), request(t, nil, nil, "url=https://"+gittest.Host+"/large.git", "revision=main",
			"pathInRepo=file.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return plan.Fetch(t.Context())
	}
	if _, err := fetch(); err == nil || !strings.Contains(err.Error(), "more than 2097152 bytes") ||
		!strings.Contains(err.Error(), `params "org" and "repo"`) || r.memory.Held() != 0 {
		t.Errorf("want an error with the limit and the advice, and no memory held, got %v, %d bytes", err, r.memory.Held())
	}
	// A server that filters leaves the large files out.
	repository.Configure("uploadpack.allowFilter", "true")
	if got, err := fetch(); err != nil || string(got.Content) != task {
		t.Errorf("want the file from a server that filters, got %v: %v", err, cause(err))
	}
}

// TestRevisionsThatAreRefused: text that git could take for something else is not sent.
func TestRevisionsThatAreRefused(t *testing.T) {
	refused := []string{
		"-upload-pack=touch", "main\nwant x", "main\x00", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a@{1}", "/a", "a/",
		"a//b", ".a",
		"a/.b", "a.lock", "a.", "\xff", strings.Repeat("a", maxName+1), strings.Repeat("0", digitsSHA256),
	}
	for _, revision := range refused {
		t.Run(hex.EncodeToString([]byte(revision[:min(len(revision), 12)])), func(t *testing.T) {
			if err := checkRevision(revision); err == nil || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("%q: want an error of one line, got %v", revision, err)
			}
		})
	}
	for _, revision := range []string{"main", "v1.0", "feature/x-1_2", "refs/pull/12/head", "größe", strings.Repeat("0", digits)} {
		if err := checkRevision(revision); err != nil {
			t.Errorf("%q: want no error, got %v", revision, err)
		}
	}
}

// TestURLsThatAreRefused: no URL leads to a program or a file of the machine, and credentials of a URL are not repeated.
func TestURLsThatAreRefused(t *testing.T) {
	refused := []string{
		"file:///etc/passwd", "/etc/passwd", "ext::sh -c touch", "git://git.example.com/a.git", "ftp://git.example.com/a", "https:///a.git",
		"https://git.example.com", "https://me:s3cret@git.example.com/a.git", "https://s3cret@git.example.com/a.git",
		"ssh://me:s3cret@git.example.com/a",
		"ssh://-oProxyCommand=x/a", "git@-oProxyCommand=x:a", "git@git.example.com:-a", "https://git.example.com/a b",
		"https://git.example.com/a\n",
		"https://git.example.com/a?s3cret=1", "C:\\repo", "https://%zz:s3cret@git.example.com/",
	}
	for _, url := range refused {
		t.Run(hex.EncodeToString([]byte(url)), func(t *testing.T) {
			if _, err := parseAddress(url); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q: want an error without credentials, got %v", url, err)
			}
		})
	}
}

// TestBasicAuthentication: the token of a Secret opens a private repository. Neither a message nor the source has it.
func TestBasicAuthentication(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "private.git")
	repository.Write("task.yaml", task)
	repository.Commit()
	server := gittest.Serve(t, root)
	server.User, server.Password = "git", "s3cret"
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})
	known := secrets{
		"token": secret("token", corev1.SecretTypeOpaque, map[string]string{"token": "s3cret\n"}),
		"named": secret("named", corev1.SecretTypeOpaque, map[string]string{"pat": "s3cret"}),
		"basic": secret("basic", corev1.SecretTypeBasicAuth, map[string]string{"username": "git", "password": "s3cret"}),
		"wrong": secret("wrong", corev1.SecretTypeOpaque, map[string]string{"token": "wr0ng"}),
		"lines": secret("lines", corev1.SecretTypeOpaque, map[string]string{"token": "s3cret\r\nX-Header: 1"}),
	}
	cases := map[string]struct {
		reason string
		params []string
		err    string
	}{
		"Token": {
			reason: "The standard key of the Secret.",
			params: []string{"gitToken=token"},
		},
		"Key": {
			reason: "Another key of the Secret.",
			params: []string{"gitToken=named", "gitTokenKey=pat"},
		},
		"Basic": {
			reason: "A Secret with user and password.",
			params: []string{"gitToken=basic"},
		},
		"Anonymous": {
			reason: "Without a Secret the message names the param.",
			err:    `name a Secret with a token in param "gitToken"`,
		},
		"Wrong": {
			reason: "The token is not in the message.",
			params: []string{"gitToken=wrong"},
			err:    "refuses the credentials",
		},
		"NoKey": {
			reason: "A missing key is named.",
			params: []string{"gitToken=named"},
			err:    `key "token" is missing`,
		},
		"Lines": {
			reason: "A token cannot add a header.",
			params: []string{"gitToken=lines"},
			err:    "several lines",
		},
		"NoSecret": {
			reason: "The Secret must exist.",
			params: []string{"gitToken=absent"},
			err:    `cannot find Secret "absent"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			params := append([]string{"url=https://" + gittest.Host + "/private.git", "revision=main", "pathInRepo=task.yaml"}, tc.params...)
			got, err := resolve(t, network, request(t, nil, known, params...))
			switch {
			case tc.err == "" && (err != nil || strings.Contains(fmt.Sprint(got.Source, got.Annotations), "s3cret")):
				t.Errorf("%s\nwant an answer without the token, got %v, %v", tc.reason, got, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(fmt.Sprint(err, cause(err)), "s3cret") ||
				strings.Contains(fmt.Sprint(err, cause(err)), "wr0ng")):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

// TestRedirect: a server that redirects to another host does not get the credentials sent there, nor a request at all.
func TestRedirect(t *testing.T) {
	var thief atomic.Int64
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { thief.Add(1) }))
	defer other.Close()
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://thief.example.com"+r.URL.RequestURI(), http.StatusFound)
	}))
	defer first.Close()
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: first, "thief.example.com": other})
	known := secrets{"token": secret("token", corev1.SecretTypeOpaque, map[string]string{"token": "s3cret"})}
	_, err := resolve(t, network, request(t, nil, known, "url=https://"+gittest.Host+"/a.git", "revision=main", "pathInRepo=a",
		"gitToken=token"))
	if err == nil || !strings.Contains(err.Error(), "redirects to another host") || thief.Load() != 0 {
		t.Errorf("want a refused redirect, got %v and %d requests", err, thief.Load())
	}
}

// TestMovedRepository: a redirect on the same host is followed, for the pack as well.
func TestMovedRepository(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "new.git")
	repository.Write("task.yaml", task)
	repository.Commit()
	server := gittest.Serve(t, root)
	inner := server.Config.Handler
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, moved := strings.CutPrefix(r.URL.RequestURI(), "/old"); moved {
			http.Redirect(w, r, "/new.git"+rest, http.StatusMovedPermanently)
			return
		}
		inner.ServeHTTP(w, r)
	})
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})
	got, err := resolve(t, network, request(t, nil, nil, "url=https://"+gittest.Host+"/old", "revision=main", "pathInRepo=task.yaml"))
	if err != nil || string(got.Content) != task {
		t.Errorf("want the file, got %v: %v", err, cause(err))
	}
}

// TestForbiddenAddresses: neither a URL nor a name leads to the machine, its network or a cloud's metadata service, over any
// protocol, also if the name has a public address the first time.
func TestForbiddenAddresses(t *testing.T) {
	var connected atomic.Int64
	var asked atomic.Int64
	network := outbound.New(outbound.Options{Machine: guard.Network{
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "rebinds.example.com" && asked.Add(1) == 1 {
				return []netip.Addr{gittest.Public}, nil
			}
			return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
		},
		Connect: func(_ context.Context, to netip.AddrPort, check func(string) error) (net.Conn, error) {
			if to.Addr() != gittest.Public || check == nil {
				connected.Add(1)
			}
			return nil, fmt.Errorf("no route to %s", to)
		},
	}})
	known := secrets{"key": sshSecret("key", gittest.NewKey(t), "* "+gittest.NewKey(t).Public)}
	for _, url := range []string{
		"https://127.0.0.1/a.git", "https://[::1]/a.git", "https://169.254.169.254/a.git", "https://10.0.0.1/a.git",
		"https://meta.example.com/a.git",
		"http://git.example.com/a.git", "ssh://127.0.0.1/a.git", "ssh://git@10.0.0.1/a.git", "git@meta.example.com:a.git",
		"https://rebinds.example.com/a.git",
		"https://rebinds.example.com/a.git",
	} {
		params := []string{"url=" + url, "revision=main", "pathInRepo=a"}
		if strings.Contains(url, "@") || strings.HasPrefix(url, "ssh") {
			params = append(params, "gitToken=key")
		}
		if _, err := resolve(t, network, request(t, nil, known, params...)); err == nil {
			t.Errorf("%s: want an error", url)
		}
	}
	if connected.Load() != 0 {
		t.Errorf("want no connection to a forbidden address, got %d", connected.Load())
	}
}

// TestTarpit: a server that never ends its answer costs a fetch its timeout, and nothing else.
func TestTarpit(t *testing.T) {
	began := make(chan struct{}, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaPrefix+"-advertisement")
		w.(http.Flusher).Flush()
		began <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: server})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-began
		cancel() // as the timeout does
	}()
	r := New(Options{Network: network})
	plan, err := r.Prepare(t.Context(), request(t, nil, nil, "url=https://"+gittest.Host+"/a.git", "revision=main", "pathInRepo=a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Fetch(ctx)
	if err == nil || !strings.Contains(err.Error(), "in time") || r.memory.Held() != 0 {
		t.Errorf("want an error about time and no memory held, got %v, %d bytes", err, r.memory.Held())
	}
}
