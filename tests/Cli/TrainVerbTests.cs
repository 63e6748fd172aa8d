using System.Diagnostics;
using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verb <c>sae train</c>: what it writes, what it refuses, and that kills change nothing.</summary>
public sealed class TrainVerbTests
{
    private const int Kills = 20;

    [Fact]
    public void A_trained_coder_opens_and_explains_its_data()
    {
        using var folder = new TempFolder();
        var data = Data(folder);
        var (code, errors, output) = VerbRun.Of(
            "sae", "train", "--data", data, "--arch", "topk", "--k", "3", "--features", "32", "--lr", "0.003", "--steps", "400", "--batch", "128", "--out", folder["run"], "--json");
        Assert.True(code == 0, errors);
        var last = JsonDocument.Parse(output).RootElement[0];
        Assert.Equal(400, last.GetProperty("step").GetInt64());
        Assert.InRange(last.GetProperty("explained_variance").GetDouble(), 0.7, 1);
        Assert.Equal(4, File.ReadAllLines(Path.Combine(folder["run"], "log.jsonl")).Length);
        var encoded = VerbRun.Of("sae", "encode", "--sae", Path.Combine(folder["run"], "coder"), "--tensors", data, "--out", folder["codes.safetensors"]);
        Assert.True(encoded.Code == 0, encoded.Errors);
    }

    [Fact]
    public void Other_settings_do_not_continue_a_run()
    {
        using var folder = new TempFolder();
        var data = Data(folder);
        string[] Arguments(string k) => ["sae", "train", "--data", data, "--arch", "topk", "--k", k, "--features", "32", "--steps", "5", "--batch", "64", "--out", folder["run"]];
        Assert.Equal(0, VerbRun.Of(Arguments("3")).Code);
        var other = VerbRun.Of(Arguments("4"));
        Assert.Equal(2, other.Code);
        Assert.Contains("belongs to a run with other", other.Errors, StringComparison.Ordinal);
        Assert.Equal(0, VerbRun.Of([.. Arguments("4"), "--force"]).Code);
    }

    [Theory]
    [InlineData("Say what to train", "--steps", "3")]
    [InlineData("Give --steps", "--arch", "topk", "--features", "8")]
    [InlineData("no architecture 'top'", "--arch", "top", "--features", "8", "--steps", "3")]
    [InlineData("no layout 'x'", "--arch", "standard", "--features", "8", "--steps", "3", "--batch", "8", "--to", "x")]
    public void What_is_missing_is_said(string message, params string[] arguments)
    {
        using var folder = new TempFolder();
        var (code, errors, output) = VerbRun.Of(["sae", "train", "--data", Data(folder), "--out", folder["run"], .. arguments]);
        Assert.Equal(2, code);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.Empty(output);
        Assert.False(File.Exists(Path.Combine(folder["run"], "checkpoint.safetensors")));
    }

    [Fact]
    public void A_trace_is_written_under_the_references_names()
    {
        using var folder = new TempFolder();
        var reference = Fixture.Path("train/saelens_topk_auxk");
        var given = Path.Combine(reference, "expected.safetensors");
        var (code, errors, _) = VerbRun.Of(
            "sae", "train", "--init", given, "--data", given, "--hyper", Path.Combine(reference, "config.json"), "--no-shuffle", "--steps", "5", "--out", folder["trace"]);
        Assert.True(code == 0, errors);
        using var trace = TensorSource.Open(Path.Combine(folder["trace"], "trace.safetensors"));
        using var expected = TensorSource.Open(given);
        Close.Check("after5.W_dec", trace.Get("after5.W_dec").ToTensor(), expected.Get("after5.W_dec").ToTensor(), atol: 1e-4);
    }

    [Fact]
    public void Kills_at_any_moment_change_nothing_of_the_weights()
    {
        using var folder = new TempFolder();
        var data = Data(folder);
        Finish(Start(folder, data, "whole"));
        var random = new Random(9);
        var (checkpoint, met) = (Path.Combine(folder["killed"], "checkpoint.safetensors"), 0);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var process = Start(folder, data, "killed");
            // Late enough that it goes on from the kill before, and then at any point of steps, logging and writing.
            var before = File.GetLastWriteTimeUtc(checkpoint);
            for (var waited = 0; !process.HasExited && File.GetLastWriteTimeUtc(checkpoint) == before && waited < 30_000; waited++) process.WaitForExit(1);
            if (!process.WaitForExit(random.Next(30))) met++;
            process.Kill();
            process.WaitForExit();
        }
        Assert.True(met >= Kills - 2, $"only {met} kills met a run at work");
        Finish(Start(folder, data, "killed"));
        AssertSame(folder, "killed");
    }

    [Fact]
    public void Told_to_stop_it_ends_after_a_checkpoint_and_goes_on_from_there()
    {
        using var folder = new TempFolder();
        var data = Data(folder);
        Finish(Start(folder, data, "whole"));
        // Without checkpoints of its own: the one that is found comes from the stop.
        var text = File.ReadAllText(folder["config.json"]);
        File.WriteAllText(folder["config.json"], text.Replace("\"checkpoint_every\": 10", "\"checkpoint_every\": 0", StringComparison.Ordinal));
        var (process, log) = (Start(folder, data, "stopped"), Path.Combine(folder["stopped"], "log.jsonl"));
        using (process)
        {
            for (var waited = 0; !process.HasExited && !(File.Exists(log) && new FileInfo(log).Length > 0) && waited < 60_000; waited++) process.WaitForExit(1);
            using (var stop = Process.Start("kill", ["-TERM", $"{process.Id}"])) stop.WaitForExit();
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(2, process.ExitCode);
            Assert.Contains("the same command goes on", errors, StringComparison.Ordinal);
        }
        using (var stored = TensorSource.Open(Path.Combine(folder["stopped"], "checkpoint.safetensors"))) Assert.InRange(int.Parse(stored.Metadata["steps"]), 50, 1199);
        Assert.True(File.Exists(Path.Combine(folder["stopped"], "report.html")));
        Assert.False(Directory.Exists(Path.Combine(folder["stopped"], "coder")));
        Finish(Start(folder, data, "stopped"));
        AssertSame(folder, "stopped");
    }

    private static void AssertSame(TempFolder folder, string run)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(folder["whole"], "coder")).Select(Path.GetFileName))
            Assert.True(File.ReadAllBytes(Path.Combine(folder["whole"], "coder", file!)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder[run], "coder", file!))), $"{file} differs");
        Assert.Equal(File.ReadAllLines(Path.Combine(folder["whole"], "log.jsonl")), File.ReadAllLines(Path.Combine(folder[run], "log.jsonl")));
        Assert.Empty(Directory.GetFiles(folder[run], "*.tmp", SearchOption.AllDirectories));
    }

    private static string Data(TempFolder folder)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var directions = nn.functional.normalize(randn(24, 16, generator: generator));
        var active = rand([1024L, 24L], generator: generator).lt(0.1).to(float32);
        Safetensors.Write(folder["data.safetensors"], [("x", (active * (rand([1024L, 24L], generator: generator) + 0.5)).matmul(directions))], existing: ExistingFile.Replace);
        return folder["data.safetensors"];
    }

    private static Process Start(TempFolder folder, string data, string run)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        var config = folder["config.json"];
        if (!File.Exists(config))
            File.WriteAllText(config, """
                {"steps": 1200, "batch_rows": 64, "seed": 3, "checkpoint_every": 10, "log_every": 50,
                 "coders": [{"name": "coder", "preset": "dictionary_learning/topk", "features": 64, "options": {"k": 3}, "schedule": {"warm_up": 20}, "optimizer": {"learning_rate": 0.003}},
                            {"name": "other", "preset": "saelens-v6/batchtopk", "features": 64, "options": {"k": 3}}]}
                """);
        foreach (var argument in new[] { Path.Combine(AppContext.BaseDirectory, "Prisma.Cli.dll"), "sae", "train", "--data", data, "--config", config, "--out", folder[run], "--threads", "1" })
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static void Finish(Process process)
    {
        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors.Result);
        }
    }
}
