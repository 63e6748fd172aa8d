using System.Reflection;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>
/// A rule that turns a U-net's predictions into a cleaner sample, step by step, as a checkpoint's <c>scheduler_config.json</c> sets it. One
/// class, one file, found by its <see cref="SchedulerAttribute"/>. Immutable; options that are not known are refused.
/// </summary>
public abstract class Scheduler
{
    private const string FileName = "scheduler_config.json";

    // What other schedulers of the reference write into the same file: each ignores what it does not know, and so do we.
    private static readonly string[] s_others =
    [
        "_class_name", "_diffusers_version", "clip_sample", "clip_sample_range", "sample_max_value", "set_alpha_to_one", "skip_prk_steps", "interpolation_type",
        "use_karras_sigmas", "timestep_type", "sigma_min", "sigma_max", "thresholding", "dynamic_thresholding_ratio", "variance_type",
        "original_inference_steps", "timestep_scaling", "steps_offset", "timestep_spacing", "final_sigmas_type", "solver_order", "algorithm_type", "solver_type",
        "lower_order_final", "euler_at_final", "lambda_min_clipped", "use_lu_lambdas", "num_train_timesteps",
    ];

    /// <summary>The time steps and noise levels of a run.</summary>
    /// <exception cref="OptionsException">So many steps cannot be made.</exception>
    public abstract Schedule Start(int steps);

    /// <summary>The same with a share of fresh noise at each step, 0 to 1, which only <see cref="DdimScheduler"/> knows.</summary>
    /// <exception cref="OptionsException">So many steps cannot be made, or another scheduler is to take a share.</exception>
    public Schedule Start(int steps, double eta)
    {
        if (eta == 0) return Start(steps);
        var ddim = this as DdimScheduler ?? throw new OptionsException("A share of fresh noise (eta) is for the DDIM scheduler alone.");
        return ddim.WithEta(eta).Start(steps);
    }

    /// <summary>Reads a scheduler from its file or from a folder with a <c>scheduler_config.json</c>.</summary>
    /// <exception cref="CheckpointException">The file is missing, names a scheduler that is not built, or sets an option that is not known.</exception>
    public static Scheduler Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var file = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        if (!File.Exists(file)) throw new CheckpointException($"There is no scheduler file '{file}'. Give a {FileName} as diffusers writes it.");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return Read(document.RootElement, file);
        }
        catch (JsonException error)
        {
            throw new CheckpointException($"'{file}' is no valid JSON: {error.Message}", error);
        }
    }

    /// <summary>Reads a scheduler from its configuration; <paramref name="where"/> names it in messages.</summary>
    /// <exception cref="CheckpointException">As for <see cref="Open"/>.</exception>
    public static Scheduler Read(JsonElement json, string where)
    {
        var reader = new ConfigReader(json, where);
        var wanted = reader.Text("_class_name");
        reader.Check();
        var known = typeof(Scheduler).Assembly.GetTypes()
            .Select(type => (Type: type, type.GetCustomAttribute<SchedulerAttribute>()?.Name))
            .Where(pair => pair.Name is not null).OrderBy(pair => pair.Name, StringComparer.Ordinal).ToList();
        var type = known.FirstOrDefault(pair => pair.Name == wanted).Type
            ?? throw new CheckpointException($"{where}: the scheduler '{wanted}' is not built. Built are {string.Join(", ", known.Select(pair => pair.Name))}.");
        var scheduler = (Scheduler)Activator.CreateInstance(type, BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DoNotWrapExceptions, null, [reader], null)!;
        reader.Ignore(s_others).FinishStrictly();
        return scheduler;
    }

    /// <summary>Refuses step counts that no schedule has.</summary>
    private protected static void CheckSteps(int steps, int most)
    {
        if (steps < 1 || steps > most) throw new OptionsException($"{steps} steps cannot be made: 1 to {most} can.");
    }
}
