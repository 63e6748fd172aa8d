using System.CommandLine;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Writes activations and outputs.</summary>
internal sealed class CacheCommand : Verb
{
    internal override string Name => "cache";

    internal override string Description =>
        "Runs a model on tensors from a file, or on pictures and videos, and writes what its places and outputs hold.\n"
        + "Example: prisma cache --model weights/demo/vit --tensors in.safetensors --hooks 'blocks.*.hook_resid_post' --out out.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var family = Common.Family(command);
        var images = Common.Images(command, required: false);
        var clips = new ClipOptions(command);
        var tensors = new Option<string?>("--tensors") { HelpName = "FILE", Description = "Inputs by the reference's argument names (pixel_values, input_ids, …)" };
        var hooks = new Option<string[]>("--hooks") { HelpName = "GLOB", Description = "Places to keep; * crosses dots. None given: every place that costs nothing" };
        command.Options.Add(tensors);
        command.Options.Add(hooks);
        var output = Common.Out(command, "Where to write the values, as safetensors");
        var process = new Option<string[]>("--process") { HelpName = "STEP", Description = "Rewrite the weights first: fold-ln, center-writing, fold-value-biases; repeatable, none by default" };
        command.Options.Add(process);
        var splice = new SpliceOption(command);
        var dtype = new Option<string>("--dtype") { HelpName = "float32|float16|bfloat16|float64", DefaultValueFactory = _ => "float32", Description = "The type of written floating-point values" };
        command.Options.Add(dtype);
        var device = Common.Device(command);
        var atOnce = Common.Batch(command);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            manual_seed(parsed.GetValue(seed));
            AtomicFile.CheckTarget(parsed.GetValue(output)!, Common.Existing(parsed.GetValue(force)));
            var written = TypeNamed(parsed.GetValue(dtype)!);
            var where = Common.DeviceNamed(parsed.GetValue(device)!);
            var steps = (parsed.GetValue(process) ?? []).Select(Processing.Parse).ToList();
            using var scope = NewDisposeScope();
            using var source = parsed.GetValue(tensors) is { } file ? TensorSource.Open(file) : null;
            var named = parsed.GetValue(images) ?? [];
            if ((source is null) == (named.Length == 0)) throw new OptionsException("Name either a file of tensors with --tensors, or pictures and videos with --image.");
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var loaded = Models.Load(folder, parsed.GetValue(family));
            Processing.Apply(loaded, steps);
            loaded.To(where);
            var input = new ModelInput();
            if (source is null)
                input.Add("input", Sights.Load(named, loaded, Preprocess.Load(folder), clips.Read(parsed, loaded), terminal).ToTensor());
            else
                foreach (var tensor in source.Tensors) input.Add(tensor.Name, tensor.ToTensor());
            using var coder = splice.Open(parsed, terminal);
            if (coder is not null && parsed.GetValue(atOnce) is not null) throw new OptionsException("--batch does not go with --sae: what a coder selects may depend on the whole batch.");
            var plan = splice.Into(Plan(parsed.GetValue(hooks) ?? []), coder, loaded, input, parsed, parsed.GetValue(force));
            // A large batch is worth one example more.
            var batch = input.Min(pair => pair.Value.dim() > 0 ? pair.Value.shape[0] : 0);
            if (batch >= 8 && Estimate.Probe(loaded, input, plan) is var (seconds, bytes)) Estimate.Say(terminal, seconds * batch, bytes * batch);
            var values = BatchedRun.Values(loaded, input, plan, parsed.GetValue(atOnce)).Select(value => (value.Name, Written(value.Value, written))).ToList();
            Safetensors.Write(parsed.GetValue(output)!, values, Provenance.Of(loaded, coder?.Card), Common.Existing(parsed.GetValue(force)));
            if (parsed.GetValue(json)) terminal.Json(values.Select(value => new { name = value.Name, value.Item2.shape }));
            terminal.Remark($"Wrote {values.Count} tensors to {parsed.GetValue(output)}.");
            return ExitCode.Good;
        });
    }

    private static HookPlan Plan(string[] hooks) => hooks.Length == 0
        ? HookPlan.Empty.Keep(point => !point.OnDemand)
        : hooks.Aggregate(HookPlan.Empty, (plan, glob) => plan.Keep(glob));

    private static Tensor Written(Tensor value, ScalarType type) => value.is_floating_point() && value.dtype != type ? value.to(type) : value;

    private static ScalarType TypeNamed(string name) => name switch
    {
        "float32" => float32,
        "float16" => float16,
        "bfloat16" => bfloat16,
        "float64" => float64,
        _ => throw new OptionsException($"--dtype {name}: expected float32, float16, bfloat16 or float64."),
    };
}
