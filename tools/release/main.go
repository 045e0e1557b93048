// Release builds a release of the current commit into a folder, and checks such a folder.
//
//	release build -version v1.2.3 [-dist FOLDER] [-repository REPOSITORY] [-key FILE] [-platforms LIST] PROJECT
//	release verify [-key FILE] FOLDER
//
// The folder has the images as OCI layouts, the manifests with the images by digest, the command line for each platform, lists of
// the contents (SPDX), the changes, checksums, and a signature of the checksums if a key is given. Two builds of one commit have the
// same bytes, except for the signature. docs/release.md describes the files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
)

var (
	errUsage = errors.New("cannot parse the command line: want `release build -version v1.2.3 PROJECT` or `release verify FOLDER`")
	// errFlags is the error for flags that the flag package has already reported.
	errFlags = errors.New("cannot parse the flags")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	log.SetFlags(0) // ko reports its progress through this logger
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, progress io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("release "+args[0], flag.ContinueOnError)
	key := flags.String("key", "", "PEM file: the private key that signs the checksums; for verify, the public key")
	switch args[0] {
	case "build":
		version := flags.String("version", "", "the version of the release, such as v1.2.3")
		dist := flags.String("dist", "dist", "the folder in which the folder of the release is created")
		repository := flags.String("repository", "", "the repository for the images, without a slash at the end")
		only := flags.String("platforms", "", "only these platforms, such as linux/amd64,darwin/arm64; to try the build")
		if err := flags.Parse(args[1:]); err != nil {
			return errors.Join(errFlags, err)
		}
		if flags.NArg() != 1 {
			return errUsage
		}
		images, programs, err := platforms(*only)
		if err != nil {
			return err
		}
		r := release{
			Version: *version, Dist: *dist, Repository: *repository, Key: *key, Project: flags.Arg(0), Progress: progress,
			ImagePlatforms: images, ProgramPlatforms: programs,
		}
		return r.build(ctx)
	case "verify":
		if err := flags.Parse(args[1:]); err != nil {
			return errors.Join(errFlags, err)
		}
		if flags.NArg() != 1 {
			return errUsage
		}
		return verify(ctx, filepath.Clean(flags.Arg(0)), ways(), *key)
	default:
		return errUsage
	}
}
