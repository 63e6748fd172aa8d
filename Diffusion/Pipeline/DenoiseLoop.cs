using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Steps from noise to a clean latent. With guidance the U-net runs twice a step, once for the prompt and once for the negative prompt, so that
/// a plan can treat the halves differently and memory stays that of one. A U-net that reads the guidance's strength runs once.
/// </summary>
internal sealed class DenoiseLoop(Unet unet, Schedule schedule, double guidance, ToldUnet told, DenoisePlan plan, IProgress<DenoiseStep>? progress)
{
    internal StepCache Cache { get; } = new();

    internal StepCache NegativeCache { get; } = new();

    /// <summary>The last latents [B, C, h, w] and those after each step [K, B, C, h, w]; both belong to the caller, in no scope.</summary>
    internal (Tensor Latents, Tensor Steps) Run(Tensor latents, int begin, PromptEmbedding? prompt, PromptEmbedding? negative, NoiseSource noise)
    {
        var count = schedule.Timesteps.Count;
        var after = new List<Tensor>();
        try
        {
            for (var step = begin; step < count; step++)
            {
                latents = Step(latents, step, begin, prompt, negative, noise);
                after.Add(latents);
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

    /// <summary>
    /// What the U-net reads in the first passes that see the prompt: one input a step, whose tensors belong to the caller, in no scope. The last of them is not
    /// run.
    /// </summary>
    internal IReadOnlyList<ModelInput> Inputs(Tensor latents, int begin, int steps, PromptEmbedding? prompt, PromptEmbedding? negative, NoiseSource noise)
    {
        var inputs = new List<ModelInput>();
        for (var step = begin; step < begin + steps; step++)
        {
            using (NewDisposeScope())
            {
                var own = new ModelInput();
                foreach (var (name, value) in InputOf(schedule.ModelInput(latents, step), step, isConditional: true, prompt)) own.Add(name, value.clone().DetachFromDisposeScope());
                inputs.Add(own);
            }
            if (step + 1 == begin + steps) break;
            var next = Step(latents, step, begin, prompt, negative, noise);
            if (step > begin) latents.Dispose();
            latents = next;
        }
        if (steps > 1) latents.Dispose();
        return inputs;
    }

    // The latents after a step belong to the caller, in no scope.
    private Tensor Step(Tensor latents, int step, int begin, PromptEmbedding? prompt, PromptEmbedding? negative, NoiseSource noise)
    {
        using var scope = NewDisposeScope();
        var at = new DenoiseStep(step - begin, schedule.Timesteps.Count - begin, schedule.Timesteps[step], IsConditional: true);
        var input = schedule.ModelInput(latents, step);
        var prediction = Predict(input, step, at, prompt, Cache);
        if (negative is not null)
        {
            var away = Predict(input, step, at with { IsConditional = false }, negative, NegativeCache);
            prediction = away + (prediction - away) * guidance;
        }
        var fresh = schedule.UsesNoise ? noise.ForStep(step - begin) : null;
        var next = schedule.Advance(prediction, latents, step, fresh).Next.DetachFromDisposeScope();
        progress?.Report(at);
        return next;
    }

    private Tensor Predict(Tensor input, int step, DenoiseStep at, PromptEmbedding? prompt, StepCache cache)
    {
        var named = InputOf(input, step, at.IsConditional, prompt);
        using var recording = unet.Run(named, plan.For(at));
        cache.Take(recording.Cache);
        return recording.Main.to(ScalarType.Float32).cpu().alias();
    }

    private ModelInput InputOf(Tensor input, int step, bool isConditional, PromptEmbedding? prompt)
    {
        var named = new ModelInput { ["sample"] = input, ["timestep"] = schedule.TimestepAt(step) };
        if (prompt is not null) named.Add("encoder_hidden_states", prompt.Tokens);
        if ((isConditional ? told.Sizes : told.NegativeSizes) is { } sizes && prompt?.Pooled is { } pooled)
        {
            named.Add("text_embeds", pooled);
            named.Add("time_ids", sizes);
        }
        if (told.Classes is { } classes) named.Add("class_labels", classes);
        if (told.Guidance is { } waves) named.Add("timestep_cond", waves);
        return named;
    }
}
