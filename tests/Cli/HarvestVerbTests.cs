using System.Diagnostics;
using System.Text.Json;
using Prisma.Cli;
using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;
using Prisma.Tests.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verb <c>sae harvest</c> on the demo's model, also when it is killed.</summary>
public sealed class HarvestVerbTests
{
    private const int Kills = 10, Scenes = 120;

    [Fact]
    public void Pictures_of_a_folder_become_rows_as_the_checkpoint_prepares_them()
    {
        using var folder = new TempFolder();
        var pictures = Paint(folder, 7);
        var (code, errors, output) = Run("sae", "harvest", "--model", DemoWeights.Vit, "--image", pictures, "--hook", "blocks.[no]", "blocks.2.hook_resid_post", "--out", folder["acts"]);
        Assert.Equal(2, code);
        Assert.Contains("blocks.[no]", errors, StringComparison.Ordinal);
        (code, errors, output) = Run("sae", "harvest", "--model", DemoWeights.Vit, "--image", pictures, "--hook", "blocks.?.hook_resid_post", "*.5.hook_mlp_out",
            "--out", folder["acts"], "--tokens", "spatial", "--rows-per-shard", "200", "--batch", "3", "--json");
        Assert.True(code == 0, errors);
        using var json = JsonDocument.Parse(output);
        Assert.Equal(7 * 64, json.RootElement.GetProperty("rows").GetInt64());
        Assert.Equal(7, json.RootElement.GetProperty("columns").GetArrayLength());
        Assert.Contains("file 3 of 3", errors, StringComparison.Ordinal);

        using var scope = NewDisposeScope();
        using var model = Models.Load(DemoWeights.Vit);
        using var recording = model.Run(PictureBatch.Load([pictures], Preprocess.Load(DemoWeights.Vit)).ToTensor(), HookPlan.Empty.Keep(Site.MlpOut[5]));
        using var source = ShardSource.Open(folder["acts"], new ShardOptions { Seed = null });
        Close.Check("mlp", Order.Read(source, "blocks.5.hook_mlp_out", 7 * 64, Cursor.Start, 1), recording.Cache[Site.MlpOut[5]].narrow(1, 1, 64).reshape(-1, 128));
    }

    [Fact]
    public void Bad_input_is_said_in_a_sentence()
    {
        using var folder = new TempFolder();
        var pictures = Paint(folder, 3);
        string[] start = ["sae", "harvest", "--model", DemoWeights.Vit, "--hook", "blocks.0.hook_resid_post", "--out", folder["acts"]];
        foreach (var (more, says) in new (string[], string)[]
        {
            ([], "--image"),
            (["--image", pictures, "--tensors", "x.safetensors"], "exclude"),
            (["--image", pictures, "--tokens", "some"], "--tokens some"),
            (["--image", pictures, "--dtype", "float64"], "--dtype float64"),
            (["--image", pictures, "--budget", "lots"], "'lots' is no size"),
            (["--image", pictures, "--budget", "50kB"], "does not fit its budget"),
        })
        {
            var (code, errors, _) = Run([.. start, .. more]);
            Assert.Equal(2, code);
            Assert.Contains(says, errors, StringComparison.Ordinal);
        }
        File.WriteAllText(folder["pictures/00.png"], "no picture");
        Assert.Contains("00.png", Run([.. start, "--image", pictures]).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Killed_at_any_moment_it_goes_on_and_ends_with_the_bytes_of_an_undisturbed_run()
    {
        using var folder = new TempFolder();
        using (NewDisposeScope())
            Safetensors.Write(folder["in.safetensors"], [("pixel_values", tensor(SceneBatch.Draw(SceneSplit.HeldOut, 0, Scenes).Pixels, [Scenes, 3, Scene.Width, Scene.Width]))]);
        Finish(Start(folder, "whole"));
        var random = new Random(4);
        var finished = new List<int>();
        for (var kill = 0; kill < Kills; kill++)
        {
            using var process = Start(folder, "killed");
            // Late enough that something is there, and then at any point of computing, writing and renaming.
            while (!process.HasExited && Shards(folder["killed"]) < 3 * kill) process.WaitForExit(1);
            process.WaitForExit(random.Next(40));
            process.Kill();
            process.WaitForExit();
            if (File.Exists(folder["killed/index.json"])) finished.Add(HarvestIndex.Read(folder["killed"]).Shards.Count);
        }
        Assert.Equal(finished.Order(), finished);  // nothing finished was lost
        Assert.True(finished[^1] is > 0 and < Scenes / 2, $"the last kill met {finished[^1]} finished files");
        Finish(Start(folder, "killed"));
        HarvestResumeTests.AssertSame(folder["whole"], folder["killed"]);
    }

    private static int Shards(string folder) => Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "shard-*").Count() : 0;

    private static Process Start(TempFolder folder, string name)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var word in new[]
        {
            Path.Combine(AppContext.BaseDirectory, "Prisma.Cli.dll"), "sae", "harvest", "--model", DemoWeights.Vit, "--tensors", folder["in.safetensors"],
            "--hook", "blocks.3.hook_resid_post", "--out", folder[name], "--rows-per-shard", "130", "--batch", "2", "--threads", "1", "--seed", "2",
        }) start.ArgumentList.Add(word);
        return Process.Start(start)!;
    }

    private static void Finish(Process process)
    {
        using (process)
        {
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors);
        }
    }

    private static string Paint(TempFolder folder, int count)
    {
        for (var k = 0; k < count; k++)
        {
            var scene = SceneGenerator.Draw(SceneSplit.HeldOut.Seed(k));
            new RgbImage(Scene.Width, Scene.Width, ScenePainter.Paint(scene)).Save(folder[$"pictures/{k:d2}.png"]);
        }
        return folder["pictures"];
    }

    private static (int Code, string Errors, string Output) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        return (CommandLine.Run(args, output, errors), errors.ToString(), output.ToString());
    }
}
