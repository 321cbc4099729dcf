{
  # The door for node-gyp and prebuildify: it runs the one build that CMakeLists.txt describes.
  "targets": [
    {
      "target_name": "continual_torch",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": [],
          # Never made, so that the action always runs; the script itself knows whether anything changed.
          "outputs": ["<(PRODUCT_DIR)/.continual_torch-always"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
