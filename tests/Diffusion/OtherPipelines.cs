using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Diffusion;

/// <summary>Pipelines in the shape of the committed one with a part exchanged.</summary>
internal static class OtherPipelines
{
    internal const string LcmScheduler = """{"_class_name":"LCMScheduler","beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","set_alpha_to_one":false,"steps_offset":1}""";

    /// <summary>Its U-net reads the guidance's strength by an embedding of a width, its scheduler is LCM's.</summary>
    internal static void ReadingGuidance(TempFolder folder, int width)
    {
        Copy(DiffusionFixture.Folder, folder.Path, except: "sae");
        var file = folder["unet/config.json"];
        var config = JsonNode.Parse(File.ReadAllText(file))!;
        config["time_cond_proj_dim"] = width;
        File.WriteAllText(file, config.ToJsonString());
        File.WriteAllText(folder["scheduler/scheduler_config.json"], LcmScheduler);
        var weights = folder["unet/diffusion_pytorch_model.safetensors"];
        File.Delete(weights);
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(Fixture.Path("diffusion/unet/diffusion_pytorch_model.safetensors"));
        using var generator = new Generator(8);
        Safetensors.Write(weights, [.. source.Tensors.Select(stored => (stored.Name, stored.ToTensor())), ("time_embedding.cond_proj.weight", randn([8, width], generator: generator))]);
    }

    /// <summary>Its U-net is told five numbers of the picture, the last how fine it is, as is SDXL's refiner.</summary>
    internal static void Refining(TempFolder folder)
    {
        const int Waves = 8;
        Copy(DiffusionFixture.Folder, folder.Path, except: "sae");
        var index = JsonNode.Parse(File.ReadAllText(folder["model_index.json"]))!;
        (index["_class_name"], index["requires_aesthetics_score"]) = ("StableDiffusionXLImg2ImgPipeline", true);
        File.WriteAllText(folder["model_index.json"], index.ToJsonString());
        var config = JsonNode.Parse(File.ReadAllText(folder["unet/config.json"]))!;
        var added = config["projection_class_embeddings_input_dim"]!.GetValue<int>() - Waves;
        config["projection_class_embeddings_input_dim"] = added;
        File.WriteAllText(folder["unet/config.json"], config.ToJsonString());
        var weights = folder["unet/diffusion_pytorch_model.safetensors"];
        File.Delete(weights);
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(Fixture.Path("diffusion/unet/diffusion_pytorch_model.safetensors"));
        Safetensors.Write(weights, source.Tensors.Select(stored => (stored.Name, stored.Name == "add_embedding.linear_1.weight" ? stored.ToTensor().narrow(1, 0, added).contiguous() : stored.ToTensor())));
    }

    /// <summary>Its autoencoder is another folder's.</summary>
    internal static void WithAutoencoder(TempFolder folder, string vae)
    {
        Copy(DiffusionFixture.Folder, folder.Path, except: "sae");
        Directory.Delete(folder["vae"], recursive: true);
        Copy(vae, folder["vae"]);
    }

    /// <summary>A checkpoint that draws without text, its parts in folders or side by side.</summary>
    internal static void Pixels(TempFolder folder, string unet, string scheduler, bool inFolders)
    {
        File.WriteAllText(folder["model_index.json"], """{"_class_name":"DDPMPipeline","_diffusers_version":"0.27.2","scheduler":["diffusers","DDPMScheduler"],"unet":["diffusers","UNet2DModel"]}""");
        if (inFolders) Directory.CreateDirectory(folder["scheduler"]);
        Copy(Fixture.Path("models/" + unet), inFolders ? folder["unet"] : folder.Path);
        File.WriteAllText(folder[inFolders ? "scheduler/scheduler_config.json" : "scheduler_config.json"], scheduler);
    }

    private static void Copy(string from, string to, string except = "")
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var inner in Directory.EnumerateDirectories(from).Where(inner => Path.GetFileName(inner) != except)) Copy(inner, Path.Combine(to, Path.GetFileName(inner)));
    }
}
