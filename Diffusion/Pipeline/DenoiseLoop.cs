using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Steps from noise to a clean latent. With guidance the U-net runs twice a step, once for the prompt and once for the negative prompt, so that
/// a plan can treat the halves differently and memory stays that of one.
/// </summary>
internal sealed class DenoiseLoop(Unet unet, Schedule schedule, double guidance, Tensor? sizes, DenoisePlan plan, IProgress<DenoiseStep>? progress)
{
    internal StepCache Cache { get; } = new();

    internal StepCache NegativeCache { get; } = new();

    /// <summary>The last latents [B, C, h, w] and those after each step [K, B, C, h, w]; both belong to the caller, in no scope.</summary>
    internal (Tensor Latents, Tensor Steps) Run(Tensor latents, int begin, PromptEmbedding prompt, PromptEmbedding? negative, NoiseSource noise)
    {
        var count = schedule.Timesteps.Count;
        var after = new List<Tensor>();
        try
        {
            for (var step = begin; step < count; step++)
            {
                using var scope = NewDisposeScope();
                var at = new DenoiseStep(step - begin, count - begin, schedule.Timesteps[step], IsConditional: true);
                var input = schedule.ModelInput(latents, step);
                var prediction = Predict(input, step, at, prompt, Cache);
                if (negative is not null)
                {
                    var away = Predict(input, step, at with { IsConditional = false }, negative, NegativeCache);
                    prediction = away + (prediction - away) * guidance;
                }
                var fresh = schedule.UsesNoise ? noise.ForStep(step - begin) : null;
                latents = schedule.Advance(prediction, latents, step, fresh).Next.DetachFromDisposeScope();
                after.Add(latents);
                progress?.Report(at);
            }
            Cache.Stack();
            NegativeCache.Stack();
            using var end = NewDisposeScope();
            return (latents.clone().DetachFromDisposeScope(), stack(after).DetachFromDisposeScope());
        }
        catch
        {
            Cache.Dispose();
            NegativeCache.Dispose();
            throw;
        }
        finally
        {
            foreach (var one in after) one.Dispose();
        }
    }

    private Tensor Predict(Tensor input, int step, DenoiseStep at, PromptEmbedding prompt, StepCache cache)
    {
        var named = new ModelInput { ["sample"] = input, ["timestep"] = schedule.TimestepAt(step), ["encoder_hidden_states"] = prompt.Tokens };
        if (sizes is not null && prompt.Pooled is { } pooled)
        {
            named.Add("text_embeds", pooled);
            named.Add("time_ids", sizes);
        }
        using var recording = unet.Run(named, plan.For(at));
        cache.Take(recording.Cache);
        return recording.Main.to(ScalarType.Float32).cpu().alias();
    }
}
