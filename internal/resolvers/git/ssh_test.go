package git

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
)

// sshSecret returns a Secret with a key and the known hosts.
func sshSecret(name string, key gittest.Key, known string) *corev1.Secret {
	return secret(name, corev1.SecretTypeSSHAuth, map[string]string{corev1.SSHAuthPrivateKey: key.Private, keyKnownHosts: known})
}

// TestSSH: two private repositories on one host, each with its key, through a real sshd.
func TestSSH(t *testing.T) {
	root := t.TempDir()
	repositories := map[string]*gittest.Repository{}
	keys := map[string]gittest.Key{}
	for _, name := range []string{"one.git", "two.git"} {
		repositories[name] = gittest.New(t, root, name)
		repositories[name].Write("task.yaml", task+"# "+name+"\n")
		repositories[name].Commit()
		keys[name] = gittest.NewKey(t)
	}
	server := gittest.ServeSSH(t, repositories, keys)
	network := gittest.NetworkTo(map[string]string{gittest.Host: server.Address}, nil)
	hosts := server.KnownHosts(gittest.Host)
	other := gittest.NewKey(t)
	known := secrets{
		"one":       sshSecret("one", keys["one.git"], hosts),
		"two":       sshSecret("two", keys["two.git"], hosts),
		"stranger":  sshSecret("stranger", gittest.NewKey(t), hosts),
		"unknown":   sshSecret("unknown", keys["one.git"], server.KnownHosts("other.example.com")),
		"imposter":  sshSecret("imposter", keys["one.git"], gittest.Host+" "+other.Public+"\n"),
		"revoked":   sshSecret("revoked", keys["one.git"], hosts+"@revoked "+hosts),
		"noHosts":   secret("noHosts", corev1.SecretTypeSSHAuth, map[string]string{corev1.SSHAuthPrivateKey: keys["one.git"].Private}),
		"noKey":     secret("noKey", corev1.SecretTypeOpaque, map[string]string{"token": "s3cret"}),
		"brokenKey": sshSecret("brokenKey", gittest.Key{Private: "-----BEGIN s3cret"}, hosts),
	}
	cases := map[string]struct {
		reason      string
		url, secret string
		content     string
		err         string
	}{
		"One": {
			reason:  "The first repository with its key.",
			url:     "ssh://USER@HOST/one.git",
			secret:  "one",
			content: task + "# one.git\n",
		},
		"Two": {
			reason:  "The other one, on the same host, with its key.",
			url:     "ssh://USER@HOST/two.git",
			secret:  "two",
			content: task + "# two.git\n",
		},
		"Short": {
			reason:  "The short form of the URL.",
			url:     "USER@HOST:two.git",
			secret:  "two",
			content: task + "# two.git\n",
		},
		"Exchanged": {
			reason: "The key of the other repository.",
			url:    "ssh://USER@HOST/two.git",
			secret: "one",
			err:    "has no such repository, or refuses the SSH key",
		},
		"Stranger": {
			reason: "A key that the host does not know.",
			url:    "ssh://USER@HOST/one.git",
			secret: "stranger",
			err:    "refuses the SSH key",
		},
		"UnknownHost": {
			reason: "A host without a line is not trusted.",
			url:    "ssh://USER@HOST/one.git",
			secret: "unknown",
			err:    "is not in known_hosts",
		},
		"Imposter": {
			reason: "A host with another key is not trusted.",
			url:    "ssh://USER@HOST/one.git",
			secret: "imposter",
			err:    "another key",
		},
		"Revoked": {
			reason: "A revoked key is not trusted.",
			url:    "ssh://USER@HOST/one.git",
			secret: "revoked",
			err:    "another key",
		},
		"NoHosts": {
			reason: "Without known_hosts no host is trusted.",
			url:    "ssh://USER@HOST/one.git",
			secret: "noHosts",
			err:    `key "known_hosts" is missing`,
		},
		"NoKey": {
			reason: "A token is no key.",
			url:    "ssh://USER@HOST/one.git",
			secret: "noKey",
			err:    `key "ssh-privatekey" is missing`,
		},
		"BrokenKey": {
			reason: "The text of the key is not in the message.",
			url:    "ssh://USER@HOST/one.git",
			secret: "brokenKey",
			err:    "is not a private key",
		},
		"NoSecret": {
			reason: "SSH needs a key.",
			url:    "ssh://USER@HOST/one.git",
			err:    "cannot fetch over SSH without a key",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			url := strings.NewReplacer("USER", server.User, "HOST", gittest.Host).Replace(tc.url)
			got, err := resolve(t, network, request(t, nil, known, "url="+url, "revision=main", "pathInRepo=task.yaml", "gitToken="+tc.secret))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s\nwant an error with %q, got %v (%v)", tc.reason, tc.err, err, cause(err))
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\n%v: %v", tc.reason, err, cause(err))
			}
			if string(got.Content) != tc.content || strings.Contains(got.Source.URI, "@") {
				t.Errorf("%s\nwant %q, got %q of %s", tc.reason, tc.content, got.Content, got.Source.URI)
			}
		})
	}
}

func TestKnownHosts(t *testing.T) {
	key, other := gittest.NewKey(t), gittest.NewKey(t)
	parsed := func(text string) *knownHosts {
		known, err := parseKnownHosts([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	public := parsed("any " + key.Public).lines[0].key
	cases := map[string]struct {
		reason string
		lines  string
		host   string
		err    string
	}{
		"Name": {
			reason: "A name.",
			lines:  "git.example.com " + key.Public,
			host:   "git.example.com:22",
		},
		"List": {
			reason: "One line for several names.",
			lines:  "a.example.com,git.example.com " + key.Public,
			host:   "git.example.com:22",
		},
		"Port": {
			reason: "A port has brackets.",
			lines:  "[git.example.com]:2222 " + key.Public,
			host:   "git.example.com:2222",
		},
		"OtherPort": {
			reason: "Another port is another host.",
			lines:  "git.example.com " + key.Public,
			host:   "git.example.com:2222",
			err:    "not known",
		},
		"Pattern": {
			reason: "A pattern.",
			lines:  "*.example.com " + key.Public,
			host:   "git.example.com:22",
		},
		"Negated": {
			reason: "An exception of a pattern.",
			lines:  "*.example.com,!git.example.com " + key.Public,
			host:   "git.example.com:22",
			err:    "not known",
		},
		"Hash": {
			reason: "The hash of a name, as ssh-keyscan -H prints it: the HMAC-SHA1 of the name with the salt as its key.",
			lines:  "|1|" + hashed("git.example.com") + " " + key.Public,
			host:   "git.example.com:22",
		},
		"OtherHash": {
			reason: "The hash of another name.",
			lines:  "|1|" + hashed("other.example.com") + " " + key.Public,
			host:   "git.example.com:22",
			err:    "not known",
		},
		"OtherKey": {
			reason: "Another key.",
			lines:  "git.example.com " + other.Public,
			host:   "git.example.com:22",
			err:    "another key",
		},
		"TwoKeys": {
			reason: "A host with two keys.",
			lines:  "git.example.com " + other.Public + "\ngit.example.com " + key.Public,
			host:   "git.example.com:22",
		},
		"Revoked": {
			reason: "A revoked key is refused, whatever else is there.",
			lines:  "git.example.com " + key.Public + "\n@revoked * " + key.Public,
			host:   "git.example.com:22",
			err:    "another key",
		},
		"Authority": {
			reason: "An authority is not a key of a host.",
			lines:  "@cert-authority git.example.com " + key.Public,
			host:   "git.example.com:22",
			err:    "not known",
		},
		"Comment": {
			reason: "Comments and empty lines.",
			lines:  "# comment\n\ngit.example.com " + key.Public + " me@here\n",
			host:   "git.example.com:22",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := parsed(tc.lines).check(tc.host, public)
			if (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
