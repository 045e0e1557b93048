// Standin builds replacements for well-known images of docker.io/library, for machines without a registry. Their programs come
// from Debian packages, and their configuration is that of the real images. Each is written as an OCI layout into a folder
// with its name.
//
//	standin -out DIR [-cache DIR] [NAME…]
//
// Without a name it builds all; -list prints the names. The same packages give the same images, byte for byte.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/sluice-ci/sluice/tools/standin/apt"
	"github.com/sluice-ci/sluice/tools/standin/recipe"
)

func main() {
	out := flag.String("out", "", "folder for the images")
	cache := flag.String("cache", "", "folder for the state and downloads of apt")
	names := flag.Bool("list", false, "print the names of all images and exit")
	flag.Parse()
	if *names {
		fmt.Println(strings.Join(recipe.Names(), "\n"))
		return
	}
	if err := run(os.Stdout, *out, *cache, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(stdout io.Writer, out, cache string, names []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	recipes, err := recipe.Find(names...)
	if err != nil {
		return err
	}
	if out == "" || cache == "" {
		return fmt.Errorf("cannot build images: set the folders -out and -cache")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("cannot create folder: %w", err)
	}
	source, err := apt.New(cache)
	if err != nil {
		return err
	}
	b := &builder{archive: source, layers: map[string]mutate.Addendum{}}
	for _, r := range recipes {
		image, err := b.build(ctx, r)
		if err != nil {
			return err
		}
		if err := write(out, r.Name, image, stdout); err != nil {
			return err
		}
	}
	return nil
}
